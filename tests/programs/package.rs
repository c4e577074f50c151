//! The Debian package: built from the programs of this test run, installed, used under a real `systemd --user`, purged.

use claviger_tests::{CANARY, Home, binary, manager::repository, namespaces, skipped, text};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The package; `None`, and said so, without cargo-deb.
fn package(home: &Home) -> Option<PathBuf> {
    let target = binary("claviger").ancestors().nth(2).expect("target directory").to_owned();
    if !target.join("tools/bin/cargo-deb").is_file() || !Path::new("/usr/bin/dpkg-shlibdeps").is_file() {
        skipped("cargo-deb and dpkg-dev (`cargo xtask test` installs them)");
        return None;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo says of this test would make it build everything again.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_")) {
        cargo.env_remove(name);
    }
    cargo.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH").env("CARGO_TARGET_DIR", &target);
    cargo.args(["run", "--quiet", "--locked", "--package", "xtask", "--", "deb", "--programs"]);
    cargo.arg(target.join("debug")).arg("--output").arg(home.path("deb")).current_dir(root);
    let output = cargo.stdin(Stdio::null()).output().expect("cargo runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let mut found =
        home.files("deb").into_iter().filter(|path| path.extension().is_some_and(|it| it == "deb"));
    Some(found.next().expect("a package"))
}

#[test]
fn the_package_is_installed_used_and_purged() {
    if !namespaces::available() {
        return;
    }
    let home = Home::new();
    home.user_settings(&home.script("helper.sh", &format!("echo {CANARY}package")), &[]);
    let Some(package) = package(&home) else { return };
    without_errors(&package);
    std::fs::create_dir(home.path("overlay")).expect("directory");
    let overlay = home.path("overlay");
    let seen = namespaces::observe(&home, "package.sh", &[package.as_os_str(), overlay.as_os_str()]);
    namespaces::expect(
        &seen,
        &[
            ("status", "installed"),
            ("verify", ""),
            ("enabled", "enabled"),
            ("page", "6"),
            ("pages_wrong", ""),
            ("whatis", "1"),
            ("completion", "uninstall"),
            ("socket", "active"),
            ("token", &format!("{CANARY}package")),
            ("program", "/usr/bin/clavigerd"),
            ("service", "0"),
            ("install", "nothing to do"),
            ("user_units", ""),
            ("left", ""),
            ("known", "no"),
        ],
    );
    files_are_where_they_belong(&seen["files"]);
}

/// Debian's own check of packages finds no error. The programs of a test run are not stripped.
fn without_errors(package: &Path) {
    let options = ["--fail-on", "error", "--allow-root", "--tag-display-limit", "0"];
    let suppressed = ["--suppress-tags", "unstripped-binary-or-object"];
    let lintian = Command::new("lintian").args(options).args(suppressed).arg(package).output();
    let Ok(output) = lintian else { return skipped("lintian") };
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// Programs are 0755, all else 0644, everything root's, below /usr, and of a known kind.
fn files_are_where_they_belong(files: &str) {
    for file in files.split('|') {
        let [path, mode, owner] = file.split(' ').collect::<Vec<_>>()[..] else { panic!("{file}") };
        let is_program = path.starts_with("/usr/bin/") || path.starts_with("/usr/libexec/");
        assert_eq!((mode, owner), (if is_program { "755" } else { "644" }, "0"), "{file}");
        let known = [
            "/usr/bin/claviger",
            "/usr/libexec/claviger/",
            "/usr/lib/systemd/user/clavigerd.",
            "/usr/share/man/man1/claviger",
            "/usr/share/man/man5/claviger.toml.5.gz",
            "/usr/share/claviger/proto/claviger/v1/",
        ];
        let known = known.iter().chain(&["/usr/share/doc/claviger/"]).any(|start| path.starts_with(start));
        assert!(known || path.contains("completions"), "{file}");
    }
    for path in [
        "/usr/bin/claviger",
        "/usr/bin/clavigerd",
        "/usr/lib/systemd/user/clavigerd.socket",
        "/usr/lib/systemd/user/clavigerd.service",
        "/usr/share/man/man1/claviger.1.gz",
        "/usr/share/man/man1/clavigerd.1.gz",
        "/usr/share/bash-completion/completions/claviger",
        "/usr/share/zsh/vendor-completions/_claviger",
        "/usr/share/fish/vendor_completions.d/claviger.fish",
        "/usr/share/doc/claviger/copyright",
        "/usr/share/man/man5/claviger.toml.5.gz",
        "/usr/share/doc/claviger/examples/config.toml",
        "/usr/share/doc/claviger/examples/etc-config.toml",
        "/usr/share/doc/claviger/examples/strict.conf",
        "/usr/share/doc/claviger/docs/configuration.md",
        "/usr/share/doc/claviger/docs/schemas/output.json",
        "/usr/share/claviger/proto/claviger/v1/credentials.proto",
        "/usr/share/doc/claviger/changelog.Debian.gz",
    ] {
        assert!(files.split('|').any(|file| file.starts_with(&format!("{path} "))), "{path} in {files}");
    }
    // Pages lead from their directory to files beside it.
    let pages = fs::read_dir(repository("docs")).expect("pages").flatten().map(|entry| entry.path());
    for page in pages.filter(|path| path.extension().is_some_and(|ending| ending == "md")) {
        let page = fs::read_to_string(page).expect("a page");
        for link in page.split("](../").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let path = format!("/usr/share/doc/claviger/{link}");
            assert!(files.split('|').any(|file| file.starts_with(&path)), "{path} in {files}");
        }
    }
}
