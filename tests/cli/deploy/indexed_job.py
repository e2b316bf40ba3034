"""Runs the Jobs of deploy/kubernetes on this host as Kubernetes may run them: out of order, an index twice at once, pods killed.

indexed_job.py TOOLS WORK [--set NAME=VALUE]... [--twice INDEX] [--kill INDEX] [--never INDEX]

The commands, variables, retries and volumes are those of the manifests, and the programs those of the image: TOOLS, and the applets that
scripts/image takes from BusyBox. What the merge prints goes to standard output, and its exit status is the runner's.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import yaml

DEPLOY = pathlib.Path(__file__).parents[3] / "deploy"


class Cluster:
    """The folders that stand for the volumes and the image."""

    def __init__(self, tools, work, settings):
        kustomization = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())
        maps = {entry["name"]: entry for entry in kustomization["configMapGenerator"]}
        self.settings = dict(literal.split("=", 1) for literal in maps["pulse-settings"]["literals"])
        self.settings.update(settings)
        self.folders = {"/pulse": work / "pulse", "/states": work / "states", "/bin": work / "bin"}
        for folder in self.folders.values():
            folder.mkdir(parents=True)
        for name in maps["pulse-pipeline"]["files"]:
            shutil.copy(DEPLOY / name, work / "pulse" / name)
        applets = re.search(r'^applets="(.*)"$', (DEPLOY / "../scripts/image").read_text(), re.M)[1]
        for name in applets.split():
            (work / "bin" / name).symlink_to(shutil.which("busybox"))
        for name in ["pgen", "pshape", "psend", "pstats"]:
            (work / "bin" / name).symlink_to(tools / name)

    def here(self, text):
        """A text of the manifest with the folders of this host."""
        for path, folder in self.folders.items():
            text = re.sub(rf"(^|[ \"]){path}(?=[/ ])", rf"\g<1>{folder}", text)
        return text

    def start(self, container, more):
        """Starts a pod in a process group of its own."""
        variables = self.settings | more
        for entry in container["env"]:
            value = re.sub(r"\$\((\w+)\)", lambda found: variables[found[1]], entry["value"])
            variables[entry["name"]] = self.here(value)
        command = [self.here(word) for word in container["command"] + container.get("args", [])]
        variables["PATH"] = str(self.folders["/bin"])
        return subprocess.Popen(command, env=variables, start_new_session=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("tools", type=pathlib.Path)
    arguments.add_argument("work", type=pathlib.Path)
    arguments.add_argument("--set", action="append", default=[])
    for flag in ["--twice", "--kill", "--never"]:
        arguments.add_argument(flag, type=int)
    asked = arguments.parse_args()
    cluster = Cluster(asked.tools, asked.work, dict(setting.split("=", 1) for setting in asked.set))
    states = cluster.folders["/states"] / cluster.settings["PULSE_RUN_ID"]

    parts = yaml.safe_load((DEPLOY / "kubernetes/parts.yaml").read_text())["spec"]
    container = parts["template"]["spec"]["containers"][0]
    # The last index first, and the one that runs twice at once.
    waiting = [index for index in reversed(range(parts["completions"])) if index != asked.never]
    waiting += [index for index in waiting if index == asked.twice]
    failures = dict.fromkeys(waiting, 0)
    killed = False
    while waiting:
        now, waiting = waiting[: parts["parallelism"]], waiting[parts["parallelism"] :]
        pods = [(index, cluster.start(container, {"JOB_COMPLETION_INDEX": str(index)})) for index in now]
        if asked.kill in now and not killed:
            killed = True
            while not list(states.glob(f".part-{asked.kill}.*")):
                time.sleep(0.005)
            os.killpg(dict(pods)[asked.kill].pid, signal.SIGKILL)
        for index, pod in pods:
            if pod.wait() != 0:
                failures[index] += 1
                if failures[index] <= parts["backoffLimitPerIndex"]:
                    waiting.append(index)
    print(f"failures: {failures}", file=sys.stderr)

    merge = yaml.safe_load((DEPLOY / "kubernetes/merge.yaml").read_text())["spec"]
    container = merge["template"]["spec"]["containers"][0]
    for entry in container["env"]:
        if entry["name"] == "PULSE_WAIT":
            entry["value"] = "1"
    sys.exit(cluster.start(container, {}).wait())


main()
