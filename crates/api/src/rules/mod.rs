//! The admission rules: CEL expressions that the API server evaluates for every `WorkerPool`, with their messages. A
//! message names the field, says what is wrong and what to write instead.

use super::Duration;
use kube::core::{Message, Rule};
use queues::{ClusterKeys, QueueOption, QueueSystem};

/// One `x-kubernetes-validations` entry.
#[derive(Clone, Copy)]
pub(super) struct AdmissionRule {
    expression: &'static str,
    message: &'static str,
    /// Whether `message` is a CEL expression, which can include the values of the object.
    computed: bool,
}

impl AdmissionRule {
    const fn new(expression: &'static str, message: &'static str) -> Self {
        Self {
            expression,
            message,
            computed: false,
        }
    }

    const fn computed(expression: &'static str, message: &'static str) -> Self {
        Self {
            expression,
            message,
            computed: true,
        }
    }
}

impl From<AdmissionRule> for Rule {
    fn from(rule: AdmissionRule) -> Self {
        let message = on_one_line(rule.message);
        let expression = on_one_line(rule.expression)
            .replace(
                "SYSTEMS_WITH_WORKERS",
                &systems(QueueSystem::reports_workers),
            )
            .replace("SYSTEMS_WITH_TIMES", &systems(QueueSystem::reports_times))
            .replace("SYSTEMS_WITH_GROUP", &with(QueueOption::Group))
            .replace("SYSTEMS_WITH_KEY_PREFIX", &with(QueueOption::KeyPrefix))
            .replace("SYSTEMS_WITH_PRIORITIES", &with(QueueOption::Priorities))
            .replace("SYSTEMS_WITH_SEPARATOR", &with(QueueOption::Separator))
            .replace("SYSTEMS_IN_ONE_SLOT", &in_cluster(ClusterKeys::OneSlot))
            .replace(
                "SYSTEMS_IN_SLOT_OF_PREFIX",
                &in_cluster(ClusterKeys::OneSlotByPrefix),
            )
            .replace(
                "IS_DURATION",
                &format!("self.matches('{}')", Duration::PATTERN),
            );
        Rule::new(expression).message(if rule.computed {
            Message::Expression(message)
        } else {
            Message::Message(message)
        })
    }
}

/// The queue systems with a property, as a CEL list.
fn systems(has: impl Fn(QueueSystem) -> bool) -> String {
    let names = QueueSystem::ALL.iter().filter(|system| has(**system));
    let names: Vec<_> = names.map(|system| format!("'{}'", system.name())).collect();
    format!("[{}]", names.join(", "))
}

/// The queue systems with an option, as a CEL list.
fn with(option: QueueOption) -> String {
    systems(|system| system.has(option))
}

/// The queue systems whose keys are so in a Redis Cluster, as a CEL list.
fn in_cluster(keys: ClusterKeys) -> String {
    systems(|system| system.capabilities().cluster == keys)
}

/// The API server rejects a rule with line breaks and a computed message.
fn on_one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

// The pool.

pub(super) const MIN_AT_MOST_MAX: AdmissionRule = AdmissionRule::computed(
    "self.minReplicas <= self.maxReplicas",
    "'minReplicas %d is above maxReplicas %d: lower minReplicas or raise maxReplicas'.format([self.minReplicas, self.maxReplicas])",
);

pub(super) const PIN_AT_MOST_MAX: AdmissionRule = AdmissionRule::computed(
    "!has(self.replicas) || self.replicas <= self.maxReplicas",
    "'replicas %d is above maxReplicas %d: pin at most %d, or raise maxReplicas'.format([self.replicas, self.maxReplicas, self.maxReplicas])",
);

pub(super) const SCHEDULES_AT_MOST_MAX: AdmissionRule = AdmissionRule::computed(
    "!has(self.schedules) || self.schedules.all(s, s.minReplicas <= self.maxReplicas)",
    "'a schedule has minReplicas above maxReplicas %d: lower it, or raise maxReplicas'.format([self.maxReplicas])",
);

/// Thresholds conflict where one queue length is above the first and below the second. An absent threshold cannot
/// conflict; an absent block without a target has the defaults.
pub(super) const QUEUE_LENGTH_GAP: AdmissionRule = AdmissionRule::computed(
    include_str!("queue_length_gap.cel"),
    include_str!("queue_length_gap.message.cel"),
);

/// The same for the share of busy workers.
pub(super) const UTILIZATION_GAP: AdmissionRule = AdmissionRule::computed(
    include_str!("utilization_gap.cel"),
    include_str!("utilization_gap.message.cel"),
);

/// The thresholds of a queue with rules of its own, which inherits absent blocks from the pool.
pub(super) const QUEUES_QUEUE_LENGTH_GAP: AdmissionRule = AdmissionRule::new(
    include_str!("queues_queue_length_gap.cel"),
    "a queue's scaleUp.queueLength must be greater than its scaleDown.queueLength, otherwise the pool would flap. An absent block is the pool's; without one the defaults are 8 and 2.",
);

/// The same for the share of busy workers.
pub(super) const QUEUES_UTILIZATION_GAP: AdmissionRule = AdmissionRule::new(
    include_str!("queues_utilization_gap.cel"),
    "a queue's scaleUp.utilizationPercent must be greater than its scaleDown.utilizationPercent, otherwise the pool would flap. An absent block is the pool's; without one the defaults are 80 and 30.",
);

pub(super) const SCALE_DOWN_NOT_EMPTY: AdmissionRule = AdmissionRule::new(
    include_str!("scale_down_not_empty.cel"),
    "scaleDown without a condition would remove workers at any time: set queueLength or utilizationPercent (defaults: 2 and 30), omit scaleDown to get both, or set a target beside idleFor",
);

pub(super) const SCALE_UP_NEEDS_WORKERS: AdmissionRule = AdmissionRule::new(
    "!has(self.scaleUp) || !(has(self.scaleUp.utilizationPercent) || has(self.scaleUp.cpuPercent)) || self.queues.exists(q, q.system in SYSTEMS_WITH_WORKERS)",
    "scaleUp.utilizationPercent and cpuPercent need workers that report their state, which no queue of this pool has: use queueLength, or a queue of system WorkerPool",
);

pub(super) const SCALE_DOWN_NEEDS_WORKERS: AdmissionRule = AdmissionRule::new(
    "!has(self.scaleDown) || !has(self.scaleDown.utilizationPercent) || self.queues.exists(q, q.system in SYSTEMS_WITH_WORKERS)",
    "scaleDown.utilizationPercent needs workers that report their state, which no queue of this pool has: use queueLength, or a queue of system WorkerPool",
);

pub(super) const TARGET_NEEDS_TIMES: AdmissionRule = AdmissionRule::new(
    "!has(self.target) || !(has(self.target.drainWithin) || has(self.target.maxWait)) || self.queues.exists(q, q.system in SYSTEMS_WITH_TIMES)",
    "target.drainWithin and maxWait need a queue that reports how long tasks run and wait, which no queue of this pool does: use target.tasksPerWorker",
);

pub(super) const QUEUES_IN_CLUSTER: AdmissionRule = AdmissionRule::new(
    "!has(self.redis.cluster) || self.queues.all(q, q.system in SYSTEMS_IN_ONE_SLOT || q.system in SYSTEMS_IN_SLOT_OF_PREFIX && has(q.keyPrefix) && q.keyPrefix.matches('^[^{]*[{][^}]+[}]'))",
    "a queue has keys in several slots of the Redis Cluster: set a keyPrefix with a hash tag in braces, such as {app}, here and in its workers; Celery and Sidekiq do not run on a Cluster (docs/queue-systems.md)",
);

// A text that is no duration has the error of its pattern, not another one of `duration`.

pub(super) const INTERVAL_MINIMUM: AdmissionRule = AdmissionRule::new(
    "!IS_DURATION || duration(self) >= duration('100ms')",
    "interval must be at least 100ms, such as 2s: the operator reacts to new tasks at once, whatever the interval",
);

pub(super) const INTERVAL_MAXIMUM: AdmissionRule = AdmissionRule::new(
    "!IS_DURATION || duration(self) <= duration('1h')",
    "interval must be at most 1h, such as 2s: without a notification the operator learns of tasks and workers only then",
);

// Its parts.

pub(super) const ONE_REDIS_ADDRESS: AdmissionRule = AdmissionRule::new(
    "[has(self.address), has(self.addressFrom), has(self.sentinel), has(self.cluster)].filter(is, is).size() == 1",
    "redis needs exactly one of address (redis://host:6379/0), addressFrom.secretKeyRef, sentinel and cluster: keep one and remove the others",
);

pub(super) const NO_PASSWORD_IN_ADDRESS: AdmissionRule = AdmissionRule::new(
    "!has(self.address) || !self.address.contains('@')",
    "redis.address must have no user and no password, which everybody who may read this pool would see: store the password in a Secret and use username and passwordFrom.secretKeyRef, or the whole address and addressFrom.secretKeyRef",
);

pub(super) const WHOLE_ADDRESS_IN_SECRET: AdmissionRule = AdmissionRule::new(
    "!has(self.addressFrom) || !(has(self.username) || has(self.passwordFrom) || has(self.database))",
    "redis.addressFrom is the whole address, with user, password and database: remove username, passwordFrom and database, or set address",
);

pub(super) const ONE_DATABASE: AdmissionRule = AdmissionRule::new(
    "!has(self.address) || !has(self.database) || !self.address.matches('^rediss?://[^/?#]*/.')",
    "redis.address has a database number, and database another one: keep one of them",
);

pub(super) const NO_DATABASE_IN_CLUSTER: AdmissionRule = AdmissionRule::new(
    "!has(self.cluster) || !has(self.database)",
    "redis.database: a Redis Cluster has no numbered databases: remove it",
);

pub(super) const USERNAME_NEEDS_PASSWORD: AdmissionRule = AdmissionRule::new(
    "!has(self.username) || has(self.passwordFrom)",
    "username needs passwordFrom.secretKeyRef: Redis authenticates no user without a password",
);

pub(super) const CERTIFICATE_WITH_KEY: AdmissionRule = AdmissionRule::new(
    "has(self.certificateFrom) == has(self.keyFrom)",
    "tls.certificateFrom and tls.keyFrom are the client's certificate and its private key: set both or neither",
);

pub(super) const ONE_KEY_REF: AdmissionRule = AdmissionRule::new(
    "has(self.secretKeyRef) != has(self.configMapKeyRef)",
    "caFrom needs exactly one of secretKeyRef and configMapKeyRef: keep one and remove the other",
);

pub(super) const QUEUE_RULES: AdmissionRule = AdmissionRule::new(
    include_str!("queue_rules.cel"),
    "this queue's system reports neither workers nor times: for rules of its own use queueLength and target.tasksPerWorker, or a queue of system WorkerPool",
);

pub(super) const GROUP: AdmissionRule = AdmissionRule::new(
    "(self.system in SYSTEMS_WITH_GROUP) == has(self.group)",
    "group names the consumer group of a queue of system Stream: set both or neither",
);

pub(super) const KEY_PREFIX: AdmissionRule = AdmissionRule::new(
    "!has(self.keyPrefix) || self.system in SYSTEMS_WITH_KEY_PREFIX",
    "keyPrefix belongs to a queue system whose keys have a prefix of their own (docs/queue-systems.md): remove it; the key of a List or a Stream is its name",
);

pub(super) const PRIORITIES: AdmissionRule = AdmissionRule::new(
    "!has(self.priorities) || self.system in SYSTEMS_WITH_PRIORITIES",
    "priorities belong to a queue of system Celery, which has a list for each of them: remove them, or set system: Celery",
);

pub(super) const SEPARATOR: AdmissionRule = AdmissionRule::new(
    "!has(self.separator) || self.system in SYSTEMS_WITH_SEPARATOR",
    "separator belongs to a queue of system Celery, where it stands before a priority: remove it, or set system: Celery",
);

pub(super) const SCALE_UP_NOT_EMPTY: AdmissionRule = AdmissionRule::new(
    "has(self.queueLength) || has(self.utilizationPercent) || has(self.cpuPercent)",
    "scaleUp without a threshold would never add a worker: set queueLength, utilizationPercent or cpuPercent (defaults: 8, 80 and 75), or omit scaleUp to get all three",
);

pub(super) const IDLE_FOR_ALONE: AdmissionRule = AdmissionRule::new(
    "has(self.queueLength) || has(self.utilizationPercent) || (!has(self.step) || self.step == 2) && (!has(self.cooldown) || duration(self.cooldown) == duration('3m'))",
    "scaleDown without a condition has idleFor alone: the target removes all workers that are not needed at once, and step and cooldown belong to queueLength and utilizationPercent",
);

pub(super) const FALLBACK_NEEDS_REPLICAS: AdmissionRule = AdmissionRule::new(
    "self.action != 'Fallback' || has(self.replicas)",
    "onUnknown.action Fallback needs onUnknown.replicas: the minimum number of workers while metrics are unavailable",
);

pub(super) const DRAIN_TIMEOUT_MINIMUM: AdmissionRule = AdmissionRule::new(
    "!IS_DURATION || duration(self) >= duration('3s')",
    "drain.timeout must be at least 3s, otherwise no worker could stop claiming tasks in time and nothing would be removed: use about the duration of a task, such as 30s",
);

pub(super) const TARGET_NOT_EMPTY: AdmissionRule = AdmissionRule::new(
    "has(self.tasksPerWorker) || has(self.drainWithin) || has(self.maxWait)",
    "target is empty: set tasksPerWorker (such as 5), drainWithin (such as 30s) or maxWait (such as 10s), or omit target",
);

const AT_LEAST_ONE_SECOND: &str = "!IS_DURATION || duration(self) >= duration('1s')";

pub(super) const DRAIN_WITHIN_MINIMUM: AdmissionRule = AdmissionRule::new(
    AT_LEAST_ONE_SECOND,
    "target.drainWithin must be at least 1s, such as 30s: a worker needs time to start",
);

pub(super) const MAX_WAIT_MINIMUM: AdmissionRule = AdmissionRule::new(
    AT_LEAST_ONE_SECOND,
    "target.maxWait must be at least 1s, such as 10s: a worker needs time to start",
);

pub(super) const CRON_HAS_FIVE_FIELDS: AdmissionRule = AdmissionRule::new(
    "self.matches('^ *[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ *$')",
    "a schedule's cron has five fields (minute, hour, day of month, month, day of week), such as '50 8 * * 5' for Fridays at 8:50",
);
