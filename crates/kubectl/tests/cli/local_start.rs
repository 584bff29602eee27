//! Local clusters that start at the same time.

use testkit::local::Local;

#[test]
fn clusters_that_start_at_once_do_not_share_ports() {
    let clusters: Vec<Local> = (0..4).map(|_| Local::new()).collect();
    let starts: Vec<_> = clusters
        .iter()
        .map(|local| local.command(&["metrics", "--local"]).spawn().unwrap())
        .collect();
    for start in starts {
        let output = start.wait_with_output().unwrap();
        assert!(output.status.success(), "a cluster did not start");
    }
    let mut ports: Vec<u64> = clusters
        .iter()
        .map(|local| local.cluster_info()["dashboard"].as_u64().unwrap())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), clusters.len(), "{ports:?}");
}
