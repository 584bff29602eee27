//! Which pods a scale-down removes.

use decide::victims::{
    DrainState, Pod, PodStage, VictimOrder, Worker, WorkerReport, all_name_their_pod,
    removal_order, select_victims,
};

fn pod(name: &str, stage: PodStage) -> Pod {
    Pod {
        name: name.to_owned(),
        owner: "ReplicaSet/w".to_owned(),
        stage,
        ready_since: None,
        terminating: false,
        cost: 0,
        address: None,
    }
}

/// A worker that has been busy or idle `since` then.
fn worker(pod: &str, busy: bool, since: i64) -> Worker {
    Worker {
        queue: 0,
        id: format!("{pod}.{busy}"),
        pod: Some(pod.to_owned()),
        namespace: None,
        slots: 1,
        busy,
        drain: DrainState::None,
        since,
        report: WorkerReport::default(),
    }
}

/// The selected pods of `name stage worker, …`: the stage is `-` unassigned, `p` pending, `n` not ready or `r` ready; the
/// worker is `.` for none, or `i` idle or `b` busy with since when, and then `d` where it drains. `!` after the name: its
/// drain timed out; `*`: it was selected before.
fn selected(pods: &str, count: usize, order: VictimOrder) -> String {
    let mut all = Vec::new();
    let mut workers = Vec::new();
    let mut preselected = Vec::new();
    let mut timed_out = Vec::new();
    for pod_text in pods.split(", ") {
        let [marked_name, stage, state] = pod_text.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{pod_text}")
        };
        let name = marked_name.trim_end_matches(['!', '*']);
        if marked_name.ends_with('*') {
            preselected.push(name);
        }
        if marked_name.ends_with('!') {
            timed_out.push(name);
        }
        let stage = match stage {
            "-" => PodStage::Unassigned,
            "p" => PodStage::Pending,
            "n" => PodStage::NotReady,
            _ => PodStage::Ready,
        };
        all.push(pod(name, stage));
        if let Ok(since) = state.trim_matches(char::is_alphabetic).parse() {
            let mut worker = worker(name, state.starts_with('b'), since);
            if state.ends_with('d') {
                worker.drain = DrainState::Requested;
            }
            workers.push(worker);
        }
    }
    let pods: Vec<&Pod> = all.iter().collect();
    select_victims(
        &pods,
        &workers,
        count,
        order,
        |pod| preselected.contains(&pod),
        |pod| timed_out.contains(&pod),
    )
    .join(" ")
}

#[test]
fn victims_of_a_replica_set() {
    // The longest idle.
    check_victims_of_a_replica_set("a r i3, b r i1, c r i2", 2, "b c");
    // Idle before busy.
    check_victims_of_a_replica_set("a r b1, b r i9, c r b2", 1, "b");
    // Of the busy the longest busy.
    check_victims_of_a_replica_set("a r b5, b r b2, c r b9", 1, "b");
    // Not started first.
    check_victims_of_a_replica_set("a r i1, b p ., c - ., d n .", 3, "c b d");
    // Its controller would remove it first.
    // Busy and not ready before idle and ready.
    check_victims_of_a_replica_set("a r i1, b n b9", 1, "b");
    // Never registered before idle.
    check_victims_of_a_replica_set("a r i1, b r .", 1, "b");
    // Selected before stays selected.
    check_victims_of_a_replica_set("a r i1, b* r b9", 1, "b");
    // Already draining.
    check_victims_of_a_replica_set("a r i1, b r b9d", 1, "b");
    // Of those that drain, the one that was selected before.
    check_victims_of_a_replica_set("a r b1d, b* r b9d", 1, "b");
    // Timed out last.
    check_victims_of_a_replica_set("a r b9, b! r b1, c r b5", 1, "c");
    // Timed out last even while draining.
    check_victims_of_a_replica_set("a r b9, b! r b1d", 1, "a");
    // All timed out the longest busy.
    check_victims_of_a_replica_set("a! r b9, b! r b1", 1, "b");
    // All timed out draining is no advantage.
    check_victims_of_a_replica_set("a! r b2, b! r b9d, c! r b3", 1, "a");
    // All.
    check_victims_of_a_replica_set("a r b9, b r i1", 5, "b a");
    // None.
    check_victims_of_a_replica_set("a r i1", 0, "");
}

#[track_caller]
fn check_victims_of_a_replica_set(pods: &str, count: usize, expected: &str) {
    assert_eq!(selected(pods, count, VictimOrder::Cost), expected);
}

#[test]
fn victims_of_a_stateful_set() {
    // The highest ordinal as a number.
    check_victims_of_a_stateful_set("w-9 r i1, w-10 r b5, w-2 p .", 2, "w-10 w-9");
    // Even if timed out.
    check_victims_of_a_stateful_set("w-0 r i1, w-1! r b1", 1, "w-1");
}

#[track_caller]
fn check_victims_of_a_stateful_set(pods: &str, count: usize, expected: &str) {
    assert_eq!(selected(pods, count, VictimOrder::Ordinal), expected);
}

#[test]
fn of_two_workers_in_one_pod_the_busy_one_counts() {
    let a = pod("a", PodStage::Ready);
    let b = pod("b", PodStage::Ready);
    let workers = [
        worker("a", false, 1),
        worker("a", true, 1),
        worker("b", false, 1),
    ];
    let selected = select_victims(
        &[&a, &b],
        &workers,
        1,
        VictimOrder::Cost,
        |_| false,
        |_| false,
    );
    assert_eq!(selected, ["b"]);
}

#[test]
fn selectable_with_a_known_order_and_named_pods() {
    check_selectable_with_a_known_order_and_named_pods(
        "apps",
        "Deployment",
        Some(VictimOrder::Cost),
    );
    check_selectable_with_a_known_order_and_named_pods(
        "apps",
        "ReplicaSet",
        Some(VictimOrder::Cost),
    );
    check_selectable_with_a_known_order_and_named_pods(
        "apps",
        "StatefulSet",
        Some(VictimOrder::Ordinal),
    );
    check_selectable_with_a_known_order_and_named_pods("argoproj.io", "Rollout", None);
    check_selectable_with_a_known_order_and_named_pods("example.com", "Deployment", None);
}

#[track_caller]
fn check_selectable_with_a_known_order_and_named_pods(
    group: &str,
    kind: &str,
    expected: Option<VictimOrder>,
) {
    let order = VictimOrder::of(group, kind);
    assert_eq!(order, expected);
    let selectable =
        |workers: &[Worker]| VictimOrder::if_selectable(order, all_name_their_pod(workers));
    let unnamed = Worker {
        pod: None,
        ..worker("b", false, 1)
    };
    assert_eq!(selectable(&[worker("a", false, 1)]), expected);
    assert_eq!(selectable(&[]), None);
    assert_eq!(selectable(&[worker("a", false, 1), unnamed]), None);
}

#[test]
fn removal_order_skips_only_terminating_pods() {
    let workers = [
        worker("busy", true, 1),
        worker("short", false, 9),
        worker("long", false, 3),
    ];
    let order = |pods: &[Pod]| {
        removal_order(
            pods,
            &workers,
            VictimOrder::Cost,
            |_| false,
            |pod| pod == "long",
        )
        .join(" ")
    };
    assert_eq!(order(&[]), "short busy long");
    let terminating = Pod {
        terminating: true,
        ..pod("busy", PodStage::Ready)
    };
    let pods = [pod("new", PodStage::Pending), terminating];
    assert_eq!(order(&pods), "new short long");
}
