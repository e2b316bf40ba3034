//! What `scripts/package` makes: the same bytes twice, a Debian package that is installed, works, and is removed without a
//! trace, and an image whose tools run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::readme::TOOLS;
use crate::support::missing::lacks;
use crate::support::{path, shell};

fn said(ended: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr))
}

/// The packages of the built tools, in this folder, made twice.
fn packages(folder: &Path) {
    let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/package"));
    script.arg("--twice").arg(folder).env("PULSEPIPE_BIN", path("pgen").parent().expect("a folder"));
    let ended = script.envs([("PACKAGE_FAST", "1"), ("SOURCE_DATE_EPOCH", "1767225600")]).output().expect("it runs");
    assert!(ended.status.success(), "{}", said(&ended));
    assert!(said(&ended).contains("pulsepipe-0.1.0-"), "{}", said(&ended));
}

fn file_that_ends(folder: &Path, end: &str) -> PathBuf {
    let mut files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    files.find(|file| file.to_string_lossy().ends_with(end)).unwrap_or_else(|| panic!("no file ends in {end}"))
}

/// Runs dpkg on an installation below this folder.
fn dpkg(root: &Path, arguments: &[&str]) -> Output {
    let mut dpkg = Command::new("dpkg");
    // There is no libc in the folder; that of this system serves.
    dpkg.arg(format!("--root={}", root.display())).args(["--force-depends", "--force-not-root"]).args(arguments);
    dpkg.env("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin").output().expect("dpkg runs")
}

/// All files below a folder, as paths from it.
fn files_below(folder: &Path) -> String {
    shell(&format!("cd '{}' && find . -type f -not -path './var/*' | sort", folder.display())).text().to_owned()
}

#[test]
fn packages_are_the_same_bytes_twice_and_the_debian_one_is_installed_and_removed() {
    if lacks("scripts/package", &["cargo-deb", "dpkg", "tar", "git", "jq"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let made = folder.path().join("packages");
    packages(&made);

    let tarball = file_that_ends(&made, ".tar.gz");
    let listed = shell(&format!("tar -tzf '{}'", tarball.display())).expect_code(0).text().to_owned();
    for tool in TOOLS {
        for file in [
            format!("bin/{tool}"),
            format!("man/{tool}.1.gz"),
            format!("completions/bash/{tool}"),
            format!("completions/zsh/_{tool}"),
            format!("completions/fish/{tool}.fish"),
            format!("completions/elvish/{tool}.elv"),
            format!("completions/powershell/{tool}.ps1"),
        ] {
            assert!(listed.contains(&format!("/{file}\n")), "{file}: {listed}");
        }
    }

    let root = folder.path().join("root");
    for needed in ["var/lib/dpkg/updates", "var/lib/dpkg/info"] {
        fs::create_dir_all(root.join(needed)).expect("a folder can be made");
    }
    fs::write(root.join("var/lib/dpkg/status"), "").expect("it is written");
    let deb = file_that_ends(&made, ".deb");
    let installed = dpkg(&root, &["--install", &deb.to_string_lossy()]);
    assert!(installed.status.success(), "{}", said(&installed));

    let job = "pgen -q -n 500 --seed 1 --start 2026-01-05 | pshape -q --spikes 5% --seed 1 | psend -q | pstats -q --require 'delivered = 100%'";
    let bin = root.join("usr/bin");
    let run = Command::new(bin.join("pserve"))
        .args(["-q", "--listen", "127.0.0.1:0", "--db", "memory:", "--exec", job])
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env_remove("PULSE_API_KEY")
        .output()
        .expect("it runs");
    assert!(run.status.success(), "{}", said(&run));
    let page = shell(&format!("gzip -dc '{}/usr/share/man/man1/psend.1.gz' | head -n 20", root.display()));
    assert!(page.text().contains("psend"), "{}", page.text());
    let licences = fs::read_to_string(root.join("usr/share/doc/pulsepipe/LICENCES-OF-CRATES")).expect("licences");
    assert!(licences.contains("\ntokio v1") && licences.matches("\n==== ").count() > 20, "{}", licences.len());

    let removed = dpkg(&root, &["--purge", "pulsepipe"]);
    assert!(removed.status.success(), "{}", said(&removed));
    assert_eq!(files_below(&root), "");
}

#[test]
fn the_image_is_built_without_a_network_and_its_tools_run_as_nobody() {
    if lacks("scripts/image", &["buildah", "busybox", "tar", "strip"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (here, tools) = (folder.path().display(), path("pgen").parent().expect("a folder").display().to_string());
    let buildah = format!("buildah --storage-driver vfs --root {here}/storage --runroot {here}/run");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/image");
    shell(&format!(
        "mkdir -p '{here}/pulsepipe/bin' && cd '{here}' &&
         for tool in {}; do strip -o pulsepipe/bin/$tool '{tools}'/$tool; done && tar -czf tools.tar.gz pulsepipe &&
         BUILDER=\"{buildah} build --isolation chroot\" '{script}' pulsepipe tools.tar.gz 2>&1",
        TOOLS.join(" ")
    ))
    .expect_code(0);
    let ran = shell(&format!(
        "container=$({buildah} from --pull=never localhost/pulsepipe) &&
         {buildah} run --isolation chroot $container sh -c '
         grep ^Uid: /proc/self/status; pgen -q -n 500 --seed 1 | tee events.jsonl | pshape -q --spikes 5% --seed 1 | pstats -q > /dev/null &&
         wc -l < events.jsonl'"
    ))
    .expect_code(0);
    assert_eq!(ran.text(), "Uid:\t65534\t65534\t65534\t65534\n500\n");
}

#[test]
fn the_crate_holds_what_it_is_built_of_and_nothing_else() {
    let listed = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(listed.status.success(), "{}", said(&listed));
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let others: Vec<&str> = listed.lines().filter(|file| !file.starts_with("src/") && !file.starts_with('.')).collect();
    assert_eq!(others, ["CHANGELOG.md", "Cargo.lock", "Cargo.toml", "Cargo.toml.orig", "LICENSE", "README.md"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for tool in TOOLS {
        assert!(listed.contains(&format!("src/bin/{tool}.rs\n")), "{tool}");
    }
    // Files that the source takes in must be among those of the package.
    let found =
        shell(&format!("cd '{}' && grep -rlE 'include_(str|bytes)!\\(\"\\.\\./\\.\\./\\.\\./' src", root.display()));
    for file in found.lines() {
        let text = fs::read_to_string(root.join(file)).expect("a source");
        let outside = text.find("include_str!(\"../../../").expect("it is there");
        assert!(text[..outside].contains("#[cfg(test)]"), "{file} takes in a file that is not in the package");
    }
}
