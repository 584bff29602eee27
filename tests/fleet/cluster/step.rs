//! One step of simulated time: what workers, pods and the workload's controller do.

use super::Cluster;
use decide::victims::PodStage;

impl Cluster {
    /// Workers claim and finish tasks, pods end, and the controller deletes and creates pods.
    pub(super) fn step(&mut self) {
        self.step_workers();
        self.end_pods();
        self.step_controller();
    }

    fn step_workers(&mut self) {
        let (now, task) = (self.now, self.task);
        for pod in self.pods.values_mut().filter(|pod| pod.registered) {
            pod.drain_since = pod.drain_since.filter(|_| now < pod.drain_ends);
            if pod.busy_until.is_some_and(|until| until <= now) {
                (pod.busy_until, pod.since) = (None, now);
            }
            // A claim that is waiting may still return one task, and a deleted pod gets its signal late.
            let claims = pod.drain_since.is_none_or(|since| now - since < 1_000)
                && pod.gone_at.is_none_or(|at| at - now > 500);
            if claims && pod.busy_until.is_none() && self.waiting > 0 {
                self.waiting -= 1;
                (pod.busy_until, pod.since) = (Some(now + task), now);
            }
        }
    }

    fn end_pods(&mut self) {
        let now = self.now;
        let gone = self
            .pods
            .extract_if(.., |_, pod| pod.gone_at.is_some_and(|at| at <= now));
        let interrupted = gone
            .filter(|(_, pod)| pod.busy_until.is_some())
            .map(|(name, _)| name);
        self.interrupted.extend(interrupted);
    }

    fn step_controller(&mut self) {
        let now = self.now;
        let next = self.unseen_counts.first().copied();
        if let Some((_, count)) = next.filter(|(at, _)| now - at >= self.lag) {
            self.observed = count;
            self.unseen_counts.remove(0);
            self.version += 1;
            self.send_target();
        } else if next.is_none() {
            self.observed = self.desired;
        }
        let order = self.deletion_order();
        let count = i32::try_from(order.len()).unwrap_or(0);
        let surplus = usize::try_from(count - self.observed).unwrap_or(0);
        for name in order.into_iter().take(surplus) {
            self.pod(&name).gone_at = Some(now + 1_000);
            self.deleted.push(name);
        }
        (count..self.observed).for_each(|_| self.create_pod(PodStage::Ready));
        if count != self.observed {
            self.version += 1;
            self.send_target();
        }
    }

    /// The active pods in the order in which the controller would delete them.
    fn deletion_order(&self) -> Vec<String> {
        let mut order: Vec<(PodStage, i32, i64, String)> = Vec::new();
        for (name, pod) in self
            .pods
            .iter()
            .filter(|(_, pod)| pod.is_ours() && pod.gone_at.is_none())
        {
            // Among equals the controller deletes the youngest.
            let ordinal = name
                .rsplit_once('-')
                .and_then(|(_, number)| number.parse::<i64>().ok());
            match ordinal {
                Some(number) => order.push((PodStage::Ready, 0, -number, name.clone())),
                None => order.push((
                    pod.stage,
                    pod.observed_cost(self.now, self.slow),
                    -i64::from(pod.restarts),
                    name.clone(),
                )),
            }
        }
        order.sort();
        order.into_iter().map(|(.., name)| name).collect()
    }
}
