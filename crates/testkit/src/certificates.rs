//! Certificates for one test, made by `openssl`.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A certificate authority, with the certificates that it issues in a directory of its own.
pub struct Authority {
    directory: TempDir,
}

/// A certificate with its private key, in PEM.
#[derive(Clone)]
pub struct Issued {
    /// The file of the certificate.
    pub certificate: PathBuf,
    /// The file of the private key.
    pub key: PathBuf,
}

impl Authority {
    /// A new authority.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Self { directory };
        let (key, certificate) = (authority.path("ca.key"), authority.certificate());
        openssl(&[
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj",
            // Two authorities of one name would be taken for each other.
            &format!("/CN={}", text(authority.directory.path()).replace('/', "-")),
            "-keyout",
            &text(&key),
            "-out",
            &text(&certificate),
        ]);
        authority
    }

    /// The file of its own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.path("ca.crt")
    }

    /// Issues a certificate that `name` (`DNS:redis`, `IP:127.0.0.1`) is for.
    pub fn issue(&self, name: &str) -> Issued {
        let file = |extension| self.path(&format!("{}.{extension}", name.replace(':', "-")));
        let issued = Issued {
            certificate: file("crt"),
            key: file("key"),
        };
        openssl(&[
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=issued",
            "-addext basicConstraints=critical,CA:FALSE -addext",
            &format!("subjectAltName={name}"),
            "-CA",
            &text(&self.certificate()),
            "-CAkey",
            &text(&self.path("ca.key")),
            "-keyout",
            &text(&issued.key),
            "-out",
            &text(&issued.certificate),
        ]);
        issued
    }

    /// The same, valid between two times, each as `20260131000000Z`.
    pub fn issue_between(&self, name: &str, from: &str, until: &str) -> Issued {
        let issued = self.issue(name);
        let request = self.path("request.pem");
        let sign = self.path("sign.conf");
        let config = format!(
            "[ca]\ndefault_ca=own\n[own]\ndatabase={}\nnew_certs_dir={}\nrand_serial=yes\ndefault_md=sha256\n\
             policy=any\nx509_extensions=leaf\n[any]\ncommonName=supplied\n[leaf]\nsubjectAltName={name}\n",
            text(&self.path("database")),
            text(self.directory.path()),
        );
        std::fs::write(&sign, config).unwrap();
        std::fs::write(self.path("database"), "").unwrap();
        let subject = format!("/CN={from}-{until}");
        let (key, out) = (text(&issued.key), text(&request));
        openssl(&["req -new -key", &key, "-subj", &subject, "-out", &out]);
        openssl(&[
            "ca -batch -notext -config",
            &text(&sign),
            "-cert",
            &text(&self.certificate()),
            "-keyfile",
            &text(&self.path("ca.key")),
            "-startdate",
            from,
            "-enddate",
            until,
            "-in",
            &out,
            "-out",
            &text(&issued.certificate),
        ]);
        issued
    }

    /// The settings of a server that speaks TLS at `port`, too, shows the certificate `own` and asks clients for theirs.
    pub fn settings(&self, own: &Issued, port: u16) -> [(&'static str, String); 4] {
        [
            ("tls-port", port.to_string()),
            ("tls-ca-cert-file", text(&self.certificate())),
            ("tls-cert-file", text(&own.certificate)),
            ("tls-key-file", text(&own.key)),
        ]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn openssl(arguments: &[&str]) {
    let arguments = arguments.iter().flat_map(|it| it.split(' '));
    let output = Command::new("openssl").args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}
