//! What is generated is current: the CRD (twice) and the reference pages. `UPDATE=1` rewrites them.

use std::path::Path;
use workerpool::api;

fn check(path: &str, wanted: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect(path);
        std::fs::write(&file, wanted).expect(path);
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "{path} is not what the source says: run `make generate` and commit it");
}

#[test]
fn the_crd_is_current() {
    check("crds/workerpools.yaml", &api::crd_yaml());
    check("charts/workerpool/crds/workerpools.yaml", &api::crd_yaml());
}
