//! The health check for Argo CD on docs/gitops.md, in the Lua version of Argo CD.

use std::process::Command;
use testkit::root;

/// A pool as a Lua table, and its expected health.
const CASES: &[(&str, &str)] = &[
    ("{metadata = {generation = 1}, spec = {}}", "Progressing"),
    (
        r#"{metadata = {generation = 2}, spec = {}, status = {observedGeneration = 1,
           conditions = {{type = "Ready", status = "True"}}}}"#,
        "Progressing",
    ),
    (
        r#"{metadata = {generation = 2}, spec = {suspend = false}, status = {observedGeneration = 2, conditions = {
           {type = "ScalingLimited", status = "False"}, {type = "Ready", status = "True", reason = "Scaling"}}}}"#,
        "Healthy",
    ),
    (
        r#"{metadata = {generation = 1}, spec = {}, status = {observedGeneration = 1,
           conditions = {{type = "Ready", status = "False", reason = "MetricsUnavailable"}}}}"#,
        "Progressing",
    ),
    (
        r#"{metadata = {generation = 1}, spec = {}, status = {observedGeneration = 1,
           conditions = {{type = "Ready", status = "False", reason = "TargetMissing"}}}}"#,
        "Progressing",
    ),
    (
        r#"{metadata = {generation = 1}, spec = {}, status = {observedGeneration = 1,
           conditions = {{type = "Ready", status = "False", reason = "TargetConflict"}}}}"#,
        "Degraded",
    ),
    (
        r#"{metadata = {generation = 1}, spec = {suspend = true}, status = {observedGeneration = 1,
           conditions = {{type = "Ready", status = "True"}}}}"#,
        "Suspended",
    ),
];

#[test]
fn argo_health_check_tells_the_states_apart() {
    let objects = crate::docs::objects(&root().join("docs/gitops.md"));
    let check = objects
        .iter()
        .find_map(|object| {
            object["data"]["resource.customizations.health.workerpool.dev_WorkerPool"].as_str()
        })
        .expect("a ConfigMap with the health check");
    for (pool, expected) in CASES {
        let script =
            format!("local function check(obj)\n{check}\nend\nprint(check({pool}).status)");
        let output = Command::new("lua5.1")
            .args(["-e", &script])
            .output()
            .expect("lua5.1 from Debian's package; `tests/cluster/install-tools test` installs it");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            *expected,
            "{pool} {error}"
        );
    }
}
