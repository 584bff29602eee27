//! How much of the operator's memory the objects of one namespace need: large ones, and ones of very many small values.
//! The pools of another namespace are scaled all the same.

use crate::Operator;
use crate::hostile::{AUTOSCALERS, DEPLOYMENTS, MEMORY, POOLS, pool, reactions, target, usage};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use testkit::api_server::ApiServer;
use testkit::redis::RedisServer;

/// The values of an object that has as many as 1.5 MB admit.
const MANY: usize = 100_000;
/// Where the statuses of hostile pools are written: each answer is the whole pool.
const WRITTEN_POOLS: &str = "/apis/workerpool.dev/v1alpha1/namespaces/hostile/workerpools";
const SECRETS: &str = "/api/v1/namespaces/hostile/secrets";

/// A running operator with one quiet pool beside the objects of a hostile namespace.
struct Trial {
    redis: RedisServer,
    api: ApiServer,
    operator: Operator,
}

impl Trial {
    /// The `hostile` objects, as JSON texts, by the paths of their lists.
    fn start(hostile: Vec<(&str, Vec<Arc<str>>)>) -> Self {
        let redis = RedisServer::start();
        let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 5},
            "metadata": {"name": "quiet-0", "namespace": "quiet", "resourceVersion": "2"}});
        let scale_path = "/apis/apps/v1/namespaces/quiet/deployments/quiet-0/scale";
        let mut lists: Vec<(&str, Vec<Arc<str>>)> = vec![
            (AUTOSCALERS, vec![]),
            (POOLS, vec![text(&pool("quiet", 0, &redis.url(), "1s"))]),
            (DEPLOYMENTS, vec![text(&target("quiet", 0))]),
        ];
        for (path, mut items) in hostile {
            match lists.iter_mut().find(|(at, _)| *at == path) {
                // What is hostile comes first.
                Some((_, quiet)) => quiet.splice(0..0, items.drain(..)).for_each(drop),
                None => lists.push((path, items)),
            }
        }
        let api = ApiServer::streaming_texts([("PATCH", scale_path, 200, scale)], lists);
        let operator = Operator::start(&api);
        Self {
            redis,
            api,
            operator,
        }
    }

    /// The quiet pool is scaled, and the chart's limit of memory is not reached.
    fn assert_unharmed(&self, what: &str) {
        reactions(&self.redis, &self.api, 0..1);
        let (_, memory) = usage(self.operator.id());
        eprintln!("{what}: peak {} MiB", memory >> 20);
        assert!(memory < MEMORY, "{memory} bytes");
    }
}

fn text(object: &Value) -> Arc<str> {
    object.to_string().into()
}

/// The text of `object` with very many `entries` in the place of the text `"MANY"`.
fn with_many(object: &Value, open: char, entry: impl Fn(usize) -> String, close: char) -> Arc<str> {
    with(MANY, object, open, entry, close)
}

fn with(
    count: usize,
    object: &Value,
    open: char,
    entry: impl Fn(usize) -> String,
    close: char,
) -> Arc<str> {
    let mut entries = String::from(open);
    for number in 0..count {
        let separator = if number == 0 { "" } else { "," };
        write!(entries, "{separator}{}", entry(number)).unwrap();
    }
    entries.push(close);
    let text = object.to_string();
    assert!(text.contains(r#""MANY""#), "{text}");
    text.replace(r#""MANY""#, &entries).into()
}

/// `"a1":""`
fn small_text(number: usize) -> String {
    format!(r#""a{number:x}":"""#)
}

/// An object of `kind` whose field at `pointer` has very many values.
fn hostile(mut object: Value, pointer: &[&str]) -> Value {
    let mut field = &mut object;
    for name in pointer {
        field = &mut field[*name];
    }
    *field = "MANY".into();
    object
}

fn autoscaler() -> Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "hostile-0", "namespace": "hostile", "uid": "a", "resourceVersion": "1"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "hostile-0"}, "maxReplicas": 3},
    })
}

/// The API server accepts objects of 1.5 MB, and anyone who may edit a namespace may create many of a kind that pools scale. As
/// JSON a control character has six characters.
#[rstest::rstest]
#[case("x")]
#[case("\u{1}")]
fn large_objects_of_one_namespace_are_not_held_all_at_once(#[case] filler: &str) {
    let mut object = target("hostile", 0);
    let container =
        json!({"name": "w", "env": [{"name": "FILLER", "value": filler.repeat(1_400_000)}]});
    object["spec"]["template"] = json!({"spec": {"containers": [container]}});
    let trial = Trial::start(vec![(DEPLOYMENTS, vec![text(&object); 100])]);
    trial.assert_unharmed(&format!("large objects of {filler:?}"));
}

/// As values each of these objects would need 30 to 100 MiB.
#[rstest::rstest]
fn many_small_values_of_one_namespace_are_not_held(
    #[values(
        "env",
        "labels",
        "annotations",
        "owned fields",
        "managers",
        "selector",
        "labels of autoscalers",
        "metrics of autoscalers",
        "labels of pools"
    )]
    what: &str,
) {
    let map = |object| with_many(&object, '{', small_text, '}');
    let container = ["spec", "template", "spec", "containers"];
    let (path, object) = match what {
        "env" => {
            let object = hostile(target("hostile", 0), &container);
            let env = |_| r#"{"name":"a"}"#.to_owned();
            let object = object
                .to_string()
                .replace(r#""MANY""#, r#"[{"name":"w","env":"MANY"}]"#);
            let object: Value = serde_json::from_str(&object).unwrap();
            (DEPLOYMENTS, with_many(&object, '[', env, ']'))
        }
        "labels" => {
            let object = hostile(target("hostile", 0), &["metadata", "labels"]);
            (DEPLOYMENTS, map(object))
        }
        "annotations" => {
            // All annotations of an object may have 256 KiB.
            let object = hostile(target("hostile", 0), &["metadata", "annotations"]);
            (DEPLOYMENTS, with(40_000, &object, '{', small_text, '}'))
        }
        "owned fields" => {
            let mut object = target("hostile", 0);
            let fields = json!({"f:metadata": {"f:labels": "MANY"}});
            object["metadata"]["managedFields"] =
                json!([{"manager": "m", "operation": "Update", "fieldsV1": fields}]);
            let entry = |number| format!(r#""f:{number:x}":{{}}"#);
            (DEPLOYMENTS, with_many(&object, '{', entry, '}'))
        }
        "managers" => {
            let object = hostile(target("hostile", 0), &["metadata", "managedFields"]);
            let entry = |_| r#"{"manager":"a"}"#.to_owned();
            (DEPLOYMENTS, with_many(&object, '[', entry, ']'))
        }
        "selector" => {
            let mut object = target("hostile", 0);
            object["spec"]["selector"]["matchExpressions"] =
                json!([{"key": "app", "operator": "In", "values": "MANY"}]);
            let entry = |number| format!(r#""a{number:x}""#);
            (DEPLOYMENTS, with_many(&object, '[', entry, ']'))
        }
        "labels of autoscalers" => {
            let object = hostile(autoscaler(), &["metadata", "labels"]);
            (AUTOSCALERS, map(object))
        }
        "metrics of autoscalers" => {
            let object = hostile(autoscaler(), &["spec", "metrics"]);
            let entry = |_| r#"{"type":"a"}"#.to_owned();
            (AUTOSCALERS, with_many(&object, '[', entry, ']'))
        }
        "labels of pools" => {
            let object = hostile(pool("hostile", 0, "", "1s"), &["metadata", "labels"]);
            (POOLS, map(object))
        }
        _ => unreachable!("{what}"),
    };
    let trial = Trial::start(vec![
        (path, vec![object.clone(); 10]),
        (WRITTEN_POOLS, vec![object]),
    ]);
    trial.assert_unharmed(what);
}

/// A Secret has up to 1 MiB, and each pool may refer to one of its own.
#[rstest::rstest]
#[case::one_value(1, 1_000_000)]
#[case::values_of_64_kib(15, 64_000)]
#[case::many_small_values(MANY, 0)]
fn secrets_of_one_namespace_are_not_held_all_at_once(#[case] keys: usize, #[case] length: usize) {
    let secret = json!({"metadata": {"name": "large", "namespace": "hostile", "resourceVersion": "1"},
        "data": "MANY"});
    let value = "eHh4".repeat(length / 3);
    let entry = |number| match number {
        0 => format!(r#""address":"{value}""#),
        _ => format!(r#""a{number:x}":"{value}""#),
    };
    let secret = with(keys, &secret, '{', entry, '}');
    let hostile = |number| {
        let mut pool = pool("hostile", number, "", "1s");
        let of = json!({"secretKeyRef": {"name": format!("large-{number}"), "key": "address"}});
        pool["spec"]["redis"] = json!({"addressFrom": of});
        text(&pool)
    };
    let pools: Vec<Arc<str>> = (0..100).map(hostile).collect();
    let count = pools.len();
    let trial = Trial::start(vec![(POOLS, pools), (SECRETS, vec![secret])]);
    // Each watch begins when its Secret has been read.
    trial.api.wait_for_watchers(SECRETS, count);
    trial.assert_unharmed(&format!("Secrets of {keys} keys"));
}

/// The pods of a target are listed in one response, of which the API server bounds neither size nor count.
#[rstest::rstest]
#[case::large_texts(60, 1)]
#[case::many_small_values(10, MANY)]
fn pods_of_one_namespace_are_not_held_all_at_once(#[case] count: usize, #[case] values: usize) {
    const PODS: &str = "/api/v1/namespaces/hostile/pods";
    let mut target = target("hostile", 0);
    target["spec"]["replicas"] = count.into();
    for counted in ["replicas", "updatedReplicas"] {
        target["status"][counted] = count.into();
    }
    let value = "x".repeat(1_300_000 / values);
    let pod = |number| {
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "hostile-0-1", "uid": "r", "controller": true});
        let pod = json!({
            "metadata": {"name": format!("hostile-0-1-{number}"), "namespace": "hostile", "ownerReferences": [owner],
                "managedFields": "MANY"},
            "spec": {"nodeName": "n"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        });
        let entry = |_| format!(r#"{{"manager":"{value}"}}"#);
        with(values, &pod, '[', entry, ']')
    };
    let trial = Trial::start(vec![
        (POOLS, vec![]),
        (DEPLOYMENTS, vec![text(&target)]),
        (PODS, (0..count).map(pod).collect()),
    ]);
    trial.api.wait_for_watchers(POOLS, 1);
    let mut pool = pool("hostile", 0, &trial.redis.url(), "1s");
    pool["spec"]["replicas"] = 5.into();
    trial.api.send_event(POOLS, "ADDED", &pool);
    // Once the pods have been listed, those to remove are read by an empty patch, and marked.
    trial.api.received_at("PATCH", |body| {
        body["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"].is_string()
    });
    trial.assert_unharmed(&format!("pods of {values} values"));
}
