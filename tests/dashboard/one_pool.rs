//! The routes for the page of one pool: its workers, and what prevents another replica count.

use super::feed::{Action, pool};
use super::sim_queue::Workload;
use super::{Site, row, site, site_with};
use serde_json::{Value, json};
use std::time::Duration;

/// Asks for the workers of `filters` until they meet a condition.
async fn workers(site: &Site, matches: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..2_400 {
        let workers = site.json("/api/pools/shop/filters/workers").await;
        if matches(&workers) {
            return workers;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!(
        "condition not met in time: {}",
        site.json("/api/pools/shop/filters/workers").await
    );
}

fn states(workers: &Value) -> Vec<&str> {
    let rows = workers["rows"].as_array().into_iter().flatten();
    rows.filter_map(|row| row["state"].as_str()).collect()
}

#[tokio::test]
async fn workers_are_known_from_the_poll_after_a_request() {
    let site = site().await;
    let first = site.json("/api/pools/shop/filters/workers").await;
    assert_eq!(
        (&first["readAt"], &first["rows"]),
        (&Value::Null, &json!([])),
        "workers are not kept before a page asks"
    );
    assert_eq!(
        (&first["supported"], &first["pods"]),
        (&json!(true), &json!(3))
    );

    let idle = workers(&site, |workers| !workers["readAt"].is_null()).await;
    assert_eq!(states(&idle), ["idle", "idle", "idle"], "{idle}");
    let order: Vec<_> = idle["rows"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| &row["removalOrder"])
        .collect();
    assert_eq!(order, [&json!(1), &json!(2), &json!(3)], "{idle}");

    site.act(Action::Push("filters".into(), 1));
    let busy = workers(&site, |workers| states(workers).contains(&"busy")).await;
    let last = &busy["rows"][2];
    assert_eq!(
        (&last["state"], &last["tasks"]),
        (&json!("busy"), &json!(1)),
        "busy workers are removed last: {busy}"
    );
    assert!(last["since"].as_i64() >= idle["readAt"].as_i64(), "{busy}");

    site.act(Action::Stall("filters".into()));
    workers(&site, |workers| states(workers).contains(&"stalled")).await;
    // After a failed poll the reason is reported, and the last known workers stay.
    site.act(Action::Fail(
        "filters".into(),
        Some("connection refused".into()),
    ));
    let failed = workers(&site, |workers| !workers["unavailable"].is_null()).await;
    assert_eq!(
        (
            &failed["unavailable"]["params"]["error"],
            states(&failed).len(),
        ),
        (&json!("connection refused"), 3),
        "{failed}"
    );
}

#[tokio::test]
async fn selected_and_timed_out_workers_are_reported() {
    // Five workers are busy for an hour, and two should be removed: a minute later two others have timed out.
    let spec = json!({
        "scaleUp": {"queueLength": 8, "step": 2, "cooldown": "20s"},
        "scaleDown": {"queueLength": 2, "idleFor": "10s", "step": 2, "cooldown": "0s"},
    });
    let site = site_with(|feed| {
        feed.add(&pool("filters", &spec), Workload::Quiet, 3_600_000, Some(5));
        feed.perform(Action::Push("filters".into(), 5));
    })
    .await;
    let workers = workers(&site, |workers| states(workers).contains(&"draining")).await;
    let rows = workers["rows"].as_array().expect("rows");
    let selected: Vec<bool> = rows.iter().map(|row| row["selectedAt"].is_i64()).collect();
    assert_eq!(selected, [true, true, false, false, false], "{workers}");
    assert_eq!(
        states(&workers),
        ["draining", "draining", "busy", "busy", "busy"],
        "{workers}"
    );
    assert!(rows.iter().all(|row| row["tasks"] == 1), "{workers}");
    assert_eq!(
        rows.iter().filter(|row| row["timedOut"] == true).count(),
        2,
        "{workers}"
    );
}

#[tokio::test]
async fn a_list_is_reported_as_not_supporting_workers() {
    let spec =
        json!({"queues": [{"name": "jobs", "system": "List"}], "scaleUp": {"queueLength": 8}});
    let site =
        site_with(|feed| feed.add(&pool("filters", &spec), Workload::List(1), 4_000, Some(3)))
            .await;
    let workers = workers(&site, |workers| workers["supported"] == false).await;
    assert_eq!(
        (&workers["pods"], &workers["rows"], &workers["selectable"]),
        (&json!(3), &json!([]), &json!(false))
    );
}

#[tokio::test]
async fn the_overview_keeps_no_workers() {
    let site = site().await;
    let mut viewer = site.viewer().await;
    viewer.next(|message| message["unchanged"].is_array()).await;
    let first = site.json("/api/pools/shop/mail/workers").await;
    assert_eq!(first["readAt"], Value::Null, "{first}");
}

#[tokio::test]
async fn why_not_answers_as_the_command_line_does() {
    let site = site().await;
    let ask = |workers: &str| format!("/api/pools/shop/filters/why-not?workers={workers}");
    let more = site.json(&ask("5")).await;
    assert_eq!(
        (&more["decided"], &more["tasks"]),
        (&json!(3), &json!(9)),
        "{more}"
    );
    assert_eq!(more["because"][0]["name"], "scaleUp.queueLength", "{more}");
    let beyond = site.json(&ask("12")).await;
    let because = beyond["because"].as_array().and_then(|all| all.last());
    assert_eq!(
        because.map(|step| (&step["name"], &step["detail"])),
        Some((&json!("maxReplicas"), &json!("10"))),
        "{beyond}"
    );
    let same = site.json(&ask("3")).await;
    assert_eq!(
        (&same["decided"], &same["because"]),
        (&json!(3), &json!([])),
        "{same}"
    );
    let site =
        site_with(|feed| feed.add(&pool("filters", &json!({})), Workload::Quiet, 4_000, None))
            .await;
    assert_eq!(
        site.json(&ask("5")).await,
        Value::Null,
        "unknown without a target"
    );
    site.assert_statuses(&[
        (&ask("many"), 400),
        (&ask(""), 400),
        ("/api/pools/shop/absent/why-not?workers=3", 404),
        ("/api/pools/shop/absent/workers", 404),
    ])
    .await;
}

#[tokio::test]
async fn frames_are_sent_only_when_they_change() {
    let site = site().await;
    let mut viewer = site.viewer().await;
    let id = row(&viewer.next(|_| true).await, "filters").expect("filters")["id"].clone();
    let of = |message: &Value| {
        message["pools"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|pool| pool["id"] == id)
            .cloned()
    };
    site.act(Action::Push("filters".into(), 30));
    let decided = |message: &Value| of(message).is_some_and(|row| row["decision"]["to"] == 5);
    let changed = of(&viewer.next(decided).await).expect("filters");
    assert_eq!(
        changed["changes"].as_array().map(Vec::len),
        Some(1),
        "the frame has the change: {changed}"
    );
    // A message with another number of tasks: only the row without its frame.
    site.act(Action::Push("filters".into(), 5));
    let has_no_frame = |message: &Value| of(message).is_some_and(|row| row["rules"].is_null());
    let row = of(&viewer.next(has_no_frame).await).expect("filters");
    assert_eq!(
        (&row["changes"], &row["bounds"], &row["timers"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert!(row["decision"]["message"].is_string(), "{row}");
    // A new viewer gets the frame too, in the full state or in a later message.
    let has_changes =
        |message: &Value| of(message).is_some_and(|row| row["changes"] == changed["changes"]);
    site.viewer().await.next(has_changes).await;
}
