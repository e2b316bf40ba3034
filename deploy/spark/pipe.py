"""Sends the partitions of a data set through pshape, plearn or pstats, on Spark.

    spark-submit deploy/spark/pipe.py pstats  s3a://logs/2026-01-05/*.gz  report.json -- --format json --require 'error_rate < 5%'
    spark-submit deploy/spark/pipe.py plearn  hdfs:///logs/2026-01-05     world.toml
    spark-submit deploy/spark/pipe.py pshape  hdfs:///logs/2026-01-05     hdfs:///shaped -- --seed 1 --spikes 5%

pstats and plearn: each partition becomes a state, the states are added up by tree, and the last tool to run, on the driver, writes the
output, a local file (- is standard output). Flags after -- go to it; --each gives flags for the partitions, such as
--each='--by service --fields latency=took:s'. pshape writes a folder like Spark's other outputs.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import threading

from pyspark import SparkContext, TaskContext


def piped(command, lines):
    """What a tool writes for these lines, as bytes. An error if it fails: Spark then runs the partition again."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tool:
        broken = []

        def feed():
            try:
                for line in lines:
                    tool.stdin.write(line + b"\n")
                tool.stdin.close()
            except BrokenPipeError:
                closed(tool.stdin)  # the exit status says why the tool reads no more
            except BaseException as error:  # reading the partition failed: half of it is no partition
                broken.append(error)
                tool.kill()
                closed(tool.stdin)

        feeder = threading.Thread(target=feed)
        feeder.start()
        yield from tool.stdout
        feeder.join()
    if broken:
        raise broken[0]
    if tool.returncode != 0:
        raise RuntimeError(f"{shlex.join(command)} ended with status {tool.returncode}")


def closed(stream):
    """Closes a stream that nobody reads, with what it still holds."""
    try:
        stream.close()
    except BrokenPipeError:
        pass


def named(tool, index, parts, run):
    """The flags that name a partition. Those of plearn do not: its states add up without."""
    return [] if tool == "plearn" else ["--shard", f"{index + 1}/{parts}", "--run-id", run]


def state_of(tool, flags, parts, run):
    """A function that makes the numbered state of a partition. That of an empty partition adds nothing but that it came."""

    def make(index, lines):
        os.environ["PULSE_ATTEMPT"] = str(TaskContext.get().attemptNumber() + 1)
        command = [tool, "-q", "--format", "state", *named(tool, index, parts, run), *flags]
        if tool == "pstats":
            yield index, b"".join(piped(command, lines))
            return
        # plearn tells states with the same lines apart by the name of the file.
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, f"partition-{index}")
            with open(name, "wb") as file:
                file.writelines(line + b"\n" for line in lines)
            if os.path.getsize(name) > 0:
                yield index, b"".join(piped([*command, name], []))

    return make


def shaped(flags, parts, run):
    """A function that sends a partition through pshape."""

    def shape(index, lines):
        command = ["pshape", "-q", *named("pshape", index, parts, run), *flags]
        return (line.rstrip(b"\n") for line in piped(command, lines))

    return shape


def merged(command, states):
    """What a tool makes of these states."""
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, str(n)) for n in range(len(states))]
        for name, state in zip(names, states):
            with open(name, "wb") as file:
                file.write(state)
        return b"".join(piped([*command, *names], []))


def by_tree(states, merge, width):
    """Merges numbered states on the workers, `width` neighbours at a time, until one is left. Figures depend on their order."""
    left = states.getNumPartitions()
    while left > 1:
        left = -(-left // width)
        few = states.map(lambda state: (state[0] // width, state)).groupByKey(left)
        states = few.mapValues(lambda some: merge([state for _, state in sorted(some)]))
    return merge([state for _, state in sorted(states.collect())])


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("tool", choices=["pshape", "plearn", "pstats"])
    arguments.add_argument("input", help="files or folders of lines that Spark can read")
    arguments.add_argument("output")
    arguments.add_argument("--partitions", type=int, help="at least this many")
    arguments.add_argument("--each", default="", help="flags of pstats or plearn for each partition")
    arguments.add_argument("--width", type=int, default=16, help="how many states a task of the tree merges")
    typed = sys.argv[1:]
    at = typed.index("--") if "--" in typed else len(typed)
    asked, flags = arguments.parse_args(typed[:at]), typed[at + 1 :]
    tool = asked.tool

    spark = SparkContext(appName=f"pulsepipe {tool}")
    # Spark reads text as UTF-8: other bytes become U+FFFD before they come here.
    lines = spark.textFile(asked.input, asked.partitions, use_unicode=False)
    parts, run = lines.getNumPartitions(), os.environ.get("PULSE_RUN_ID") or spark.applicationId
    if tool == "pshape":
        lines.mapPartitionsWithIndex(shaped(flags, parts, run)).saveAsTextFile(asked.output)
        return 0

    states = lines.mapPartitionsWithIndex(state_of(tool, shlex.split(asked.each), parts, run))
    whole = by_tree(states, lambda few: merged([tool, "-q", "--format", "state"], few), asked.width)
    # A part that is missing is a failure as long as something is required.
    judged = ["--expect-shards", str(parts), "--require", "input.lines >= 0"] if tool == "pstats" else []
    return subprocess.run([tool, "-q", "-o", asked.output, *judged, *flags], input=whole, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
