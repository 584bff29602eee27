//! Who goes when a number goes down: a table.

use decide::victims::{
    DrainState, Pod, PodStage, VictimOrder, Worker, WorkerReport, all_name_their_pod,
    removal_order, select_victims,
};

/// `name standing worker`: standing is `-` unassigned, `p` pending, `n` not ready, `r` ready; worker is `.` none,
/// `i` idle or `b` busy with since when, `d` behind it for one that drains; a `!` behind the name for a late one,
/// a `*` for one kept.
fn chosen(pods: &str, count: usize, order: VictimOrder) -> String {
    let (mut all, mut workers, mut marks) = (Vec::new(), Vec::new(), Vec::new());
    for line in pods.split(", ") {
        let [name, standing, worker] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let plain = name.trim_end_matches(['!', '*']);
        marks.push((plain.to_owned(), name.ends_with('*'), name.ends_with('!')));
        let standing = match standing {
            "-" => PodStage::Unassigned,
            "p" => PodStage::Pending,
            "n" => PodStage::NotReady,
            _ => PodStage::Ready,
        };
        let owner = "ReplicaSet/w".to_owned();
        all.push(Pod {
            name: plain.to_owned(),
            owner,
            stage: standing,
            terminating: false,
            cost: 0,
        });
        let drain = if worker.ends_with('d') {
            DrainState::Requested
        } else {
            DrainState::None
        };
        let since = worker.trim_matches(char::is_alphabetic).parse();
        if let Ok(since) = since {
            let (busy, pod) = (worker.starts_with('b'), Some(plain.to_owned()));
            let (id, says) = (plain.to_owned(), WorkerReport::default());
            workers.push(Worker {
                queue: 0,
                id,
                pod,
                busy,
                drain,
                since,
                report: says,
            });
        }
    }
    let is = |name: &str, late: bool| {
        marks
            .iter()
            .any(|(pod, kept, was)| pod == name && if late { *was } else { *kept })
    };
    let pods: Vec<&Pod> = all.iter().collect();
    select_victims(
        &pods,
        &workers,
        count,
        order,
        |name| is(name, false),
        |name| is(name, true),
    )
    .join(" ")
}

#[rstest::rstest]
#[case("the longest idle", "a r i3, b r i1, c r i2", 2, "b c")]
#[case("idle before busy, however long", "a r b1, b r i9, c r b2", 1, "b")]
#[case("of the busy the longest busy", "a r b5, b r b2, c r b9", 1, "b")]
#[case(
    "what has not started goes first",
    "a r i1, b p ., c - ., d n .",
    3,
    "c b d"
)]
#[case(
    "a busy pod that is not ready goes before an idle one that is: its controller would take it",
    "a r i1, b n b9",
    1,
    "b"
)]
#[case("who never registered before who is idle", "a r i1, b r .", 1, "b")]
#[case("who was chosen before stays chosen", "a r i1, b* r b9", 1, "b")]
#[case("who drains already is no new choice", "a r i1, b r b9d", 1, "b")]
#[case("who was late is the last choice", "a r b9, b! r b1, c r b5", 1, "c")]
#[case("and late even while it still drains", "a r b9, b! r b1d", 1, "a")]
#[case(
    "when all were late the longest busy has another turn",
    "a! r b9, b! r b1",
    1,
    "b"
)]
#[case(
    "and who still drains has no better one",
    "a! r b2, b! r b9d, c! r b3",
    1,
    "a"
)]
#[case("all of them", "a r b9, b r i1", 5, "b a")]
#[case("none", "a r i1", 0, "")]
fn a_replica_set(
    #[case] what: &str,
    #[case] pods: &str,
    #[case] count: usize,
    #[case] wanted: &str,
) {
    assert_eq!(chosen(pods, count, VictimOrder::Cost), wanted, "{what}");
}

#[rstest::rstest]
#[case(
    "the highest ordinal by number, not by letter, idle or busy",
    "w-9 r i1, w-10 r b5, w-2 p .",
    2,
    "w-10 w-9"
)]
#[case("late or not: nobody else can go", "w-0 r i1, w-1! r b1", 1, "w-1")]
fn a_stateful_set(
    #[case] what: &str,
    #[case] pods: &str,
    #[case] count: usize,
    #[case] wanted: &str,
) {
    assert_eq!(chosen(pods, count, VictimOrder::Ordinal), wanted, "{what}");
}

#[test]
fn of_two_workers_in_one_pod_the_busy_one_counts() {
    let pod = |name: &str| Pod {
        name: name.to_owned(),
        owner: String::new(),
        stage: PodStage::Ready,
        terminating: false,
        cost: 0,
    };
    let worker = |pod: &str, busy: bool| Worker {
        queue: 0,
        id: format!("{pod}{busy}"),
        pod: Some(pod.to_owned()),
        busy,
        drain: DrainState::None,
        since: 1,
        report: WorkerReport::default(),
    };
    let (a, b) = (pod("a"), pod("b"));
    let workers = [worker("a", false), worker("a", true), worker("b", false)];
    assert_eq!(
        select_victims(
            &[&a, &b],
            &workers,
            1,
            VictimOrder::Cost,
            |_| false,
            |_| false
        ),
        ["b"]
    );
}

#[rstest::rstest]
#[case("apps", "Deployment", Some(VictimOrder::Cost))]
#[case("apps", "ReplicaSet", Some(VictimOrder::Cost))]
#[case("apps", "StatefulSet", Some(VictimOrder::Ordinal))]
#[case("argoproj.io", "Rollout", None)]
#[case("example.com", "Deployment", None)]
fn only_where_it_is_known_who_would_go_and_who_is_who_the_choice_is_ours(
    #[case] group: &str,
    #[case] kind: &str,
    #[case] wanted: Option<VictimOrder>,
) {
    let order = VictimOrder::of(group, kind);
    assert_eq!(
        (order, VictimOrder::if_selectable(order, Some(true))),
        (wanted, wanted)
    );
    let worker = |pod: Option<&str>| Worker {
        queue: 0,
        id: "w.1".to_owned(),
        pod: pod.map(str::to_owned),
        busy: false,
        drain: DrainState::None,
        since: 1,
        report: WorkerReport::default(),
    };
    assert_eq!(
        VictimOrder::if_selectable(order, all_name_their_pod(&[])),
        None
    );
    assert_eq!(
        VictimOrder::if_selectable(
            order,
            all_name_their_pod(&[worker(Some("a")), worker(None)])
        ),
        None
    );
}

#[test]
fn in_turn_stand_all_that_work_and_all_that_are_listed_but_those_that_leave() {
    let pod = |name: &str, standing, leaving| {
        let (name, owner) = (name.to_owned(), String::new());
        Pod {
            name,
            owner,
            stage: standing,
            terminating: leaving,
            cost: 0,
        }
    };
    let worker = |name: &str, busy, since| Worker {
        queue: 0,
        id: format!("{name}.1"),
        pod: Some(name.to_owned()),
        busy,
        drain: DrainState::None,
        since,
        report: WorkerReport::default(),
    };
    let workers = [
        worker("busy", true, 1),
        worker("short", false, 9),
        worker("long", false, 3),
    ];
    let turn = |pods: &[Pod]| {
        removal_order(
            pods,
            &workers,
            VictimOrder::Cost,
            |_| false,
            |pod| pod == "long",
        )
        .join(" ")
    };
    assert_eq!(turn(&[]), "short busy long");
    let pods = [
        pod("new", PodStage::Pending, false),
        pod("busy", PodStage::Ready, true),
    ];
    assert_eq!(turn(&pods), "new short long");
}
