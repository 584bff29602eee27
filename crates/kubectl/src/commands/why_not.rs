//! `explain --why-not N`: the rules that prevent N workers now, and the smallest change that would give N.

use crate::cluster::redis::RedisClient;
use crate::cluster::{Cluster, replicas_of};
use crate::text::lang::{Lang, tr};
use crate::text::output::{Out, width};
use api::{ScheduledSpec, timestamp};
use decide::victims::{VictimOrder, all_name_their_pod};
use decide::{Memory, Observation};
use jiff::Timestamp;
use kube::ResourceExt;
use sim::{Counterfactual, why_not};

/// Explains why the pool `name` does not have `replicas` workers.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    replicas: i32,
    json: bool,
) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let current = replicas_of(&cluster.scale(&pool).await?);
    let mut redis = RedisClient::new(cluster, &pool).await?;
    let summary = redis.poll(&pool.spec.queues).await?;
    let out = &cluster.out;
    let mut scheduled_spec = ScheduledSpec::new(&pool)?;
    // If the operator can select idle workers to remove, busy workers do not prevent a scale-down.
    let order = pool.spec.scale_target_ref.order();
    scheduled_spec.set_drains(
        VictimOrder::if_selectable(order, all_name_their_pod(&summary.workers)).is_some(),
    );
    let status = pool.status.as_ref();
    let memory = status.and_then(|status| status.internal.as_ref());
    let memory = memory.map(Memory::from).unwrap_or_default();
    let observation = Observation {
        replicas: current,
        queues: summary.queues,
        unavailable: None,
    };
    let now = api::time(Timestamp::now());
    let spec = scheduled_spec.at(now);
    let counterfactual = why_not(spec, &observation, &memory, now, replicas);
    if json {
        let mut object = counterfactual.json();
        object["pool"] = pool.name_any().into();
        object["namespace"] = pool.namespace().into();
        object["wanted"] = replicas.into();
        object["current"] = current.into();
        out.json(&object)?;
        return Ok(true);
    }
    for line in lines(&pool.name_any(), &counterfactual, replicas, out) {
        out.data(&line)?;
    }
    Ok(true)
}

fn lines(name: &str, counterfactual: &Counterfactual, replicas: i32, out: &Out) -> Vec<String> {
    let lang = out.lang;
    let decided = counterfactual.decided;
    if decided == replicas {
        return vec![tr!(lang, "cli-why-not-decided", name, replicas)];
    }
    let head = tr!(lang, "cli-why-not-because", name, decided, replicas);
    let because = &counterfactual.because;
    let because: Vec<_> = because.iter().map(|step| out.step(step)).collect();
    let alternatives = alternatives(name, counterfactual, replicas, out);
    let width = width(alternatives.iter().map(|(label, _)| label));
    let alternatives = alternatives.iter();
    let alternatives = alternatives.map(|(label, text)| format!("{label:width$}  {text}"));
    let mut lines = vec![head];
    lines.extend(out.rows(&because));
    lines.extend(alternatives);
    lines
}

/// The changes that would give `replicas` workers, each with a label.
fn alternatives(
    name: &str,
    counterfactual: &Counterfactual,
    replicas: i32,
    out: &Out,
) -> Vec<(String, String)> {
    let lang = out.lang;
    let now = || tr!(lang, "cli-why-not-now", replicas);
    let soon = || tr!(lang, "cli-why-not-soon", replicas);
    let clock = |at| out.clock(timestamp(at));
    let mut all = Vec::new();
    if let Some(change) = &counterfactual.change {
        let fields: Vec<String> = change
            .iter()
            .map(|(field, value)| format!("{field}: {value}"))
            .collect();
        all.push((now(), fields.join(&tr!(lang, "cli-why-not-and"))));
    }
    if let Some(tasks) = counterfactual.tasks {
        all.push((now(), more_tasks(lang, tasks)));
    }
    if let Some(at) = counterfactual.soon.map(clock) {
        all.push((soon(), tr!(lang, "cli-why-not-nothing-until", at)));
    }
    if let Some((tasks, at)) = counterfactual.later {
        let (tasks, at) = (more_tasks(lang, tasks), clock(at));
        all.push((soon(), tr!(lang, "cli-why-not-if-idle-until", tasks, at)));
    }
    let by_hand = format!("kubectl workerpool scale {name} {replicas}");
    all.push((tr!(lang, "cli-why-not-by-hand"), by_hand));
    all
}

fn more_tasks(lang: Lang, tasks: i64) -> String {
    if tasks > 0 {
        tr!(lang, "cli-why-not-more", tasks)
    } else {
        tr!(lang, "cli-why-not-fewer", tasks = tasks.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::StepStatus;
    use decide::{Constraint, Step, Time};

    fn explained(lang: Lang, replicas: i32, decided: i32) -> String {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let counterfactual = Counterfactual {
            decided,
            because: vec![
                StepStatus::field("scaleUp.step", &2),
                StepStatus::new(&Step::Constrained {
                    by: Constraint::CooldownUp,
                    from: 7,
                    to: 5,
                    until: Some(Time(1_000_046_000)),
                }),
            ],
            change: Some(vec![
                pair("scaleUp.step", "4"),
                pair("scaleUp.cooldown", "14s"),
            ]),
            tasks: Some(12),
            soon: Some(Time(1_000_046_000)),
            later: None,
        };
        let out = Out::plain(lang, jiff::tz::TimeZone::UTC);
        lines("filters", &counterfactual, replicas, &out).join("\n")
    }

    #[test]
    fn explains_what_prevents_a_number() {
        insta::assert_snapshot!(explained(Lang::EN, 9, 5));
        insta::assert_snapshot!(explained(Lang::of("es").expect("Spanish"), 9, 5));
        insta::assert_snapshot!(explained(Lang::EN, 5, 5));
    }
}
