//! `explain` and `history`, of one pool and of all pools.

use crate::commands::{POOLS, list, pool, run};
use serde_json::{Value, json};
use testkit::api_server::ApiServer;

/// The JSON that was printed with this exit code.
fn json_of(output: &str, exit: u8) -> Value {
    let json = output.strip_prefix(&format!("exit {exit}\n"));
    serde_json::from_str(json.expect(output)).expect(output)
}

#[test]
fn explains_a_decision_by_its_steps() {
    let mut decided = pool("filters", "redis://r");
    decided["status"] = json!({
        "observedGeneration": 2,
        "metrics": {"ready": {"value": 17}, "live": {"value": 5}, "busy": {"value": 5}, "taskMillis": {"value": 8100}},
        "decision": {
            "reason": "CoolingDown", "message": "17 tasks wait, more than 8: 5 → 7 workers at 09:16:58 (cooldown)",
            "confidence": 1.0, "at": "2026-11-27T09:16:02Z", "from": 5, "to": 5,
            "steps": [{"name": "scaleUp.queueLength", "detail": "17 > 8 → 7"}, {"name": "scaleUp.cooldown", "detail": "7 → 5 until 09:16:58"}],
            "next": {"up": {"to": 7, "at": "2026-11-27T09:16:58Z", "tasks": 0}},
        },
        "history": [
            {"at": "2026-11-26T09:16:02Z", "from": 5, "to": 3, "reason": "Idle", "message": "idle for 5 min: 5 → 3 workers"},
            {"at": "2026-11-27T09:15:58Z", "from": 3, "to": 5, "reason": "QueueTooLong", "message": "25 tasks wait, more than 8: 3 → 5 workers"},
        ],
    });
    let api = ApiServer::start([("GET", POOLS, 200, list(&[decided]))]);
    let output = run(&["explain"], Some(&api));
    let row = |label: &str, text: &str| format!("\n  {label:19}  {text}");
    assert!(output.starts_with("exit 0\nfilters: 17 tasks wait, more than 8: 5 → 7 workers at 09:16:58 (cooldown). CoolingDown, "), "{output}");
    for row in [
        row(
            "metrics",
            "17 waiting · 5 of 5 workers busy · a task takes 8.1 s",
        ),
        row("scaleUp.queueLength", "17 > 8 → 7"),
        row("scaleUp.cooldown", "7 → 5 until 09:16:58"),
        row("last change", "3 → 5, "),
        row("next up", "5 → 7"),
        row("next down", "none"),
        row(
            "empty in",
            "about 27 s with 5 workers · 22 s with 6 · 19 s with 7",
        ),
    ] {
        assert!(output.contains(&row), "{output}");
    }
    let json = json_of(&run(&["explain", "-o", "json"], Some(&api)), 0);
    assert_eq!(json["decision"]["steps"][0]["detail"], "17 > 8 → 7");
    insta::assert_snapshot!(run(&["history", "--limit", "1", "-o", "json"], Some(&api)));
    let history = run(&["history"], Some(&api));
    let lines: Vec<&str> = history.lines().collect();
    assert!(
        lines[1].ends_with("09:16:02  5 → 3    Idle          idle for 5 min: 5 → 3 workers"),
        "{history}"
    );
    assert!(
        lines[2].ends_with(
            "09:15:58  3 → 5    QueueTooLong  25 tasks wait, more than 8: 3 → 5 workers"
        ),
        "{history}"
    );
}

#[test]
fn lists_all_pools_with_problems_first() {
    let decided = |namespace: &str, name: &str, reason: &str, message: &str, hour: u8| {
        let mut decided = pool(name, "redis://127.0.0.1:1");
        decided["metadata"]["namespace"] = json!(namespace);
        decided["status"] = json!({
            "observedGeneration": 2, "replicas": 5,
            "decision": {"reason": reason, "message": message, "confidence": 1.0, "at": "2026-11-27T09:16:00Z", "from": 5, "to": 5},
            "history": [{"at": format!("2026-11-27T{hour:02}:15:58Z"), "from": 3, "to": 5, "reason": "QueueTooLong", "message": "25 tasks wait, more than 8: 3 → 5 workers"}],
        });
        decided
    };
    let pools = [
        decided(
            "shop",
            "mails",
            "WithinThresholds",
            "within thresholds: keeping 5 workers",
            9,
        ),
        decided("class", "filters", "Unknown", "no poll since 09:15:00", 8),
    ];
    let all_pools = "/apis/workerpool.dev/v1alpha1/workerpools";
    let api = ApiServer::start([("GET", all_pools, 200, list(&pools))]);
    let output = run(&["explain", "-A"], Some(&api));
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "exit 1", "one has a problem: {output}");
    assert_eq!(
        lines[1],
        "⚠ class/filters    5  Unknown           no poll since 09:15:00"
    );
    assert_eq!(
        lines[2],
        "✓ shop/mails       5  WithinThresholds  within thresholds: keeping 5 workers"
    );
    let json = json_of(&run(&["explain", "-A", "-o", "json"], Some(&api)), 1);
    assert_eq!(
        (&json[0]["rank"], &json[1]["pool"]),
        (&json!("trouble"), &json!("mails"))
    );
    let output = run(&["history", "-A", "--limit", "1"], Some(&api));
    assert!(
        output.contains("09:15:58  shop/mails  3 → 5    QueueTooLong")
            && output.lines().count() == 2,
        "{output}"
    );
    assert!(run(&["explain", "-A", "filters"], Some(&api)).starts_with("exit 2"));
}

#[test]
fn no_decision_is_an_error() {
    let api = ApiServer::start([("GET", POOLS, 200, list(&[pool("filters", "redis://r")]))]);
    insta::assert_snapshot!(run(&["explain"], Some(&api)), @"
    exit 1
    ! error: filters: no operator has decided on it yet; `kubectl workerpool check filters` finds the cause
    ");
    insta::assert_snapshot!(run(&["history"], Some(&api)), @"
    exit 0
    ! The number of workers has not changed yet. To see why: kubectl workerpool explain
    ");
}
