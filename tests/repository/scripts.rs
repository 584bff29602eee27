//! The scripts that a stranger runs first, with stand-ins for the programs that they call: the kit's `class` says what is
//! missing and deletes its own cluster only, and `install-tools` needs Go only to build something.

use rstest::rstest;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A folder whose `bin` is the whole PATH of the scripts that run in it.
struct Machine(TempDir);

impl Machine {
    /// With `bash` and coreutils, and working stand-ins for the programs of the class.
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir(machine.path("bin")).unwrap();
        for program in [
            "bash", "cat", "dirname", "env", "grep", "head", "id", "mkdir", "sed", "sleep", "sort",
        ] {
            machine.has(program);
        }
        machine.program("docker", "[ \"$1\" != version ] || echo amd64");
        machine.program(
            "kind",
            "echo \"$*\" >>calls; case $1 in version) echo kind v0.33.0 go1.26 linux/amd64 ;; esac",
        );
        machine.program("kubectl", "");
        machine.program("helm", "");
        for file in ["packaging/kit/class", "kind-config.yaml"] {
            let to = machine.path(Path::new(file).file_name().unwrap().to_str().unwrap());
            fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), to).unwrap();
        }
        fs::write(machine.path("platform"), "linux-amd64\n").unwrap();
        machine
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Makes a program of this machine available; false if this machine has none.
    fn has(&self, program: &str) -> bool {
        let found = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
            .map(|folder| Path::new(folder).join(program))
            .into_iter()
            .find(|path| path.exists());
        found.is_some_and(|path| symlink(path, self.path("bin").join(program)).is_ok())
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn without(&self, name: &str) {
        fs::remove_file(self.path("bin").join(name)).unwrap();
    }

    /// Runs a script here; whether it succeeded, and what it said.
    fn run(&self, script: &Path, argument: &str, env: &[(&str, &str)]) -> (bool, String) {
        let output = Command::new("/bin/bash")
            .args([script.as_os_str(), argument.as_ref()])
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.0.path())
            .envs(env.iter().copied())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    fn class(&self, verb: &str, env: &[(&str, &str)]) -> (bool, String) {
        self.run(&self.path("class"), verb, env)
    }
}

/// Ports of a machine on which nobody listens there.
const FREE: [(&str, &str); 2] = [("DASHBOARD_PORT", "1"), ("FRONT_PORT", "2")];

#[rstest]
#[case::docker_is_down("docker", "echo 'Cannot connect to the daemon' >&2; exit 1", &["Docker does not answer: Cannot connect", "systemctl start docker"])]
#[case::docker_is_forbidden("docker", "echo 'permission denied while trying' >&2; exit 1", &["does not let this user in", "usermod -aG docker"])]
#[case::another_architecture("docker", "echo arm64", &["for amd64, and Docker runs arm64", "ends in arm64"])]
#[case::old_kind("kind", "[ \"$1\" != version ] || echo kind v0.20.0 go1.20 linux/amd64", &["kind 0.20.0 is too old", "0.27 or newer"])]
fn class_says_what_is_wrong(
    #[case] program: &str,
    #[case] script: &str,
    #[case] expected: &[&str],
) {
    let machine = Machine::new();
    let (fine, said) = machine.class("check", &FREE);
    assert!(fine, "{said}");
    machine.program(program, script);
    for verb in ["check", "up"] {
        let (fine, said) = machine.class(verb, &FREE);
        assert!(!fine, "{said}");
        for part in expected {
            assert!(said.contains(part), "{said}");
        }
    }
}

#[test]
fn class_names_all_missing_programs() {
    let machine = Machine::new();
    machine.without("helm");
    machine.without("kind");
    let (fine, said) = machine.class("up", &FREE);
    assert!(!fine && said.contains("helm is not installed") && said.contains("kind is not"));
    assert!(said.contains("https://helm.sh/"), "{said}");
    let (_, said) = machine.class("up", &[("LANG", "es_ES.UTF-8")]);
    assert!(said.contains("No está instalado helm"), "{said}");
    let (_, said) = machine.class("up", &[("LANG", "es_ES.UTF-8"), ("LC_ALL", "C")]);
    assert!(said.contains("helm is not installed"), "{said}");
}

#[test]
fn class_says_who_has_the_port() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let env = [("DASHBOARD_PORT", port.as_str()), ("FRONT_PORT", "2")];
    let machine = Machine::new();
    if machine.has("ss") {
        let (fine, said) = machine.class("up", &env);
        let this = format!("({})", std::process::id());
        assert!(!fine && said.contains(&this), "{said}");
    }
    machine.program(
        "docker",
        "case $1 in version) echo amd64 ;; ps) echo shop-control-plane ;; esac",
    );
    let (fine, said) = machine.class("up", &env);
    assert!(
        !fine && said.contains(&format!("Port {port} is taken by shop-control-plane.")),
        "{said}"
    );
    assert!(
        said.contains("docker stop shop-control-plane, or choose another: DASHBOARD_PORT="),
        "{said}"
    );
    let calls = fs::read_to_string(machine.path("calls")).unwrap();
    assert!(!calls.contains("create"), "{calls}");
}

#[test]
fn class_deletes_its_own_cluster_only() {
    let machine = Machine::new();
    let clusters = |names: &str| {
        machine.program(
            "kind",
            &format!(
                "echo \"$*\" >>calls; [ \"$1 $2\" != 'get clusters' ] || printf '{names}' | cat"
            ),
        );
    };
    clusters("shop\\nworkerpool2\\n");
    let (fine, said) = machine.class("down", &[]);
    assert!(fine && said.contains("There is no cluster"), "{said}");
    clusters("shop\\nworkerpool\\n");
    let (fine, said) = machine.class("down", &[]);
    assert!(fine && said.contains("is deleted"), "{said}");
    let calls = fs::read_to_string(machine.path("calls")).unwrap();
    let deleted: Vec<_> = calls
        .lines()
        .filter(|call| call.starts_with("delete"))
        .collect();
    assert_eq!(deleted, ["delete cluster --name workerpool"]);
}

#[test]
fn go_is_needed_only_to_build_something() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/install-tools");
    let machine = Machine::new();
    machine.program("cargo", "echo cargo 1.99.0");
    machine.program("cc", "");
    let (fine, said) = machine.run(&script, "kind", &[]);
    assert!(fine, "{said}");
    machine.without("kind");
    machine.program("go", "echo go version go1.10.0 linux/amd64");
    let (fine, said) = machine.run(&script, "kind", &[]);
    assert!(
        !fine && said.contains("go 1.26") && said.contains("found 1.10.0"),
        "{said}"
    );
}
