### English: the language of status, Events and logs, and what another language lacks.
### Each reason, step and error has a code; the parameters are those of the code. An attribute (a line with a dot) takes
### the place of the text where all parameters in its name are there. TIME formats an instant, SPAN a span of time.

## The change that a reason explains

change = { $moves ->
    [no] { kept }
    [unguarded] { $from } → { $to } workers; the operator cannot tell which pods are busy: only terminationGracePeriodSeconds protects running tasks
   *[yes] { $from } → { $to } workers
}
kept = { $to ->
    [one] keeping 1 worker
   *[other] keeping { $to } workers
}
later = { $to } → { $recommended } workers at { TIME($until) } (cooldown)
enough = { $recommended ->
    [one] 1 worker is enough
   *[other] { $recommended } workers are enough
}
recommended = { $recommended ->
    [one] 1 worker is recommended
   *[other] { $recommended } workers are recommended
}
triggered = { $trigger }: { change }

## The rule that decided

trigger = { found }
    .queue = queue { $queue }: { found }
found = { $rule ->
    [QueueLength] { tasks-wait }, more than { $threshold }
    [Utilization] { $value } % of the workers are busy, more than { $threshold } %
    [Cpu] the workers use { $value } % CPU, more than { $threshold } %
    [TasksPerWorker] { tasks }, target { $threshold } per worker
    [DrainWithin] { $value ->
        [0] no task waits; arrivals are to be finished within { SPAN($threshold) }
       *[other] { tasks-wait }, to be finished within { SPAN($threshold) }
    }
   *[MaxWait] the oldest task has waited { SPAN($value) }, maximum { SPAN($threshold) }
}
tasks = { $value ->
    [one] 1 task
   *[other] { $value } tasks
}
tasks-wait = { $value ->
    [one] 1 task waits
   *[other] { $value } tasks wait
}

## Reasons

reason-WithinThresholds = within thresholds: { change }
reason-QueueTooLong = { triggered }
reason-WorkersBusy = { triggered }
reason-HighCPU = { triggered }
reason-TasksPerWorker = { triggered }
reason-DrainWithin = { triggered }
reason-MaxWait = { triggered }
reason-ScaledFromZero = { $tasks ->
    [one] 1 task waits
   *[other] { $tasks } tasks wait
} and no worker is running: { change }
reason-Idle = idle for { SPAN($idle) }: { change }
reason-FewerNeeded = { triggered }
reason-IdleWait = { enough }, but more were busy recently: { change } until at least { TIME($until) }
    .since = idle since { TIME($since) }: { $to } → { $recommended } workers at { TIME($until) } if still idle
reason-NotIdle = { enough } for the target, but the scaleDown conditions are not met: { change }
reason-CoolingDown = { recommended }: { later }
    .trigger = { $trigger }: { later }
reason-Stabilized = { recommended }, but not for the whole stabilization window: { change }
    .until = { recommended }, but not for the whole stabilization window: { change } until { TIME($until) }
reason-RateLimited = { recommended }, but behavior allows { $to } for now: { change }
    .until = { recommended }, but behavior allows { $to } for now: { change } until { TIME($until) }
reason-AtMax = { $trigger }, but maxReplicas is { $to }: { change }
reason-Scheduled = schedule { $schedule } requires at least { $min ->
    [one] 1 worker
   *[other] { $min } workers
} until { TIME($until) }: { change }
reason-TooFewReplicas = fewer than minReplicas { $min }: { change }
reason-TooManyReplicas = more than maxReplicas { $max }: { change }
reason-BusyWorkers = { enough }, but { $busy ->
    [one] 1 is
   *[other] { $busy } are
} busy, and busy workers are not stopped: { change }
reason-Unknown = { $cause } (since { TIME($since) }): { change } (never scales down without metrics)
reason-Fallback = no metrics since { TIME($since) }: { change } (onUnknown)
reason-Pinned = pinned by spec.replicas: { change }
    .until = pinned by spec.replicas until { TIME($until) }: { change }
reason-Suspended = suspended: { change }, regardless of load
    .who-until = suspended { $who } until { TIME($until) }: { change }, regardless of load
    .who = suspended { $who }: { change }, regardless of load
    .until = suspended until { TIME($until) }: { change }, regardless of load
who = { "" }
    .by-note = by { $by } ({ $note })
    .by = by { $by }
    .note = ({ $note })
reason-DryRun = dry run, nothing is written: { $reason }
reason-TargetChanged = another client set { $found }: { change } again
    .writer = { $writer } set { $target } to { $found }: set back to { $to }; to choose the number yourself: kubectl workerpool scale { $pool } { $found }
reason-ScalingDown = { change }: { $waiting }
reason-TargetMissing = { $target } does not exist in { $namespace }: create it, or fix spec.scaleTargetRef
    .error = { $target } cannot be read: { $error }
reason-TargetConflict = something else already scales { $target }, so this pool does not
    .pool = the older WorkerPool { $pool } already scales { $target }, so this pool does not: delete one of them
    .autoscaler = HorizontalPodAutoscaler { $autoscaler } already scales { $target }, so this pool does not: kubectl delete hpa { $autoscaler }, or delete this pool
reason-WriteFailed = { $reason }; write failed: { $error }
reason-InvalidSpec = { $error }

## What a scale-down waits for

waiting-Check = checking that the workers to be removed are idle
waiting-PodsTerminating = waiting for pods to terminate
waiting-PodsStarting = waiting for pods to start
waiting-Rollout = waiting for the rollout of { $target } to end
waiting-Tasks = waiting for { $pod } to finish
    .other = waiting for { $pod } and { $other } to finish
    .more = waiting for { $pod } and { $more } others to finish
waiting-PodsUnreadable = cannot list pods: { $error }
waiting-PodsUnmarkable = cannot mark pods: { $error }

## Why metrics are missing

cause-NotReadYet = not read yet
cause-Stale = no poll since { TIME($since) }
cause-RedisDown = Redis at { $address } does not answer: { $error }
cause-InvalidAddress = { $address } is not a valid Redis address: { $error }
cause-QueueUnreadable = cannot read the key { $key }: { $error }
cause-SecretMissing = Secret { $secret } does not exist in { $namespace }: create it, or fix spec.redis.addressFrom
cause-SecretKeyMissing = Secret { $secret } has no text in key { $key }: add it, or fix spec.redis.addressFrom
cause-SecretForbidden = the operator has no permission to read Secret { $secret } in { $namespace }: install it with rbac.secretNamespaces={"{"}{ $namespace }{"}"}
cause-SecretUnreadable = cannot read Secret { $secret }: { $error }
cause-NotRecorded = { $metrics } could not be read
cause-Unexplained = a metric that a rule needs is missing

## Conditions of a pool whose message is not that of the decision

condition-Scaling = the pool scales its target
condition-ValidMetricFound = the scaling rules are evaluated
condition-ReadyForNewScale = the operator can update the target's scale
condition-ScaleStabilized = the operator can update the target's scale
condition-DesiredWithinRange = the desired replica count is within the bounds
condition-AllMetricsRead = all metrics are fresh
condition-NoEviction = Redis has a maxmemory and refuses new tasks when it is full
condition-NoMaxMemory = Redis has no maxmemory, so a growing queue ends it instead of being refused: set it to three quarters of its container's limit
condition-EvictingPolicy = Redis deletes keys when it is full, and with them tasks: set maxmemory-policy to noeviction

## Steps of a decision: name and detail

field = { $rule ->
    [QueueLength] queueLength
    [Utilization] utilizationPercent
    [Cpu] cpuPercent
    [TasksPerWorker] target.tasksPerWorker
    [DrainWithin] target.drainWithin
   *[MaxWait] target.maxWait
}
unit = { $rule ->
    [Utilization] {" "}%
    [Cpu] {" "}%
   *[other] {""}
}
name-Queue = queue
step-Queue = { $queue }
name-OutsideChange = found
step-OutsideChange = { $found }, set by another client; ours is { $desired }
name-Up = scaleUp.{ field }
step-Up = { $value }{ unit } ≤ { $threshold }{ unit }
    .recommended = { $value }{ unit } > { $threshold }{ unit } → { $recommended }
name-Down = scaleDown.{ field }
step-Down = { $met ->
    [yes] { $value }{ unit } < { $threshold }{ unit }, met
   *[no] { $value }{ unit } ≥ { $threshold }{ unit }, not met
}
name-Target = { field }
step-Target = { $rule ->
    [TasksPerWorker] { $value } ÷ { $threshold }
    [MaxWait] oldest { SPAN($value) } of { SPAN($threshold) }
   *[DrainWithin] { $value } waiting, within { SPAN($threshold) }
} → { $recommended }
name-MetricUnavailable = { field }
step-MetricUnavailable = not known
name-MetricUnsupported = { field }
step-MetricUnsupported = not reported by this queue system
name-IdleTimer = scaleDown.idleFor
step-IdleTimer = idle for { SPAN($idle) } of { SPAN($needed) }
    .recommended = idle for { SPAN($idle) } of { SPAN($needed) } → { $recommended }
name-Pinned = replicas
step-Pinned = { $replicas }
    .until = { $replicas } until { TIME($until) }
name-Fallback = onUnknown.replicas
step-Fallback = at least { $replicas }
name-Constrained = { $by ->
    [CooldownUp] scaleUp.cooldown
    [CooldownDown] scaleDown.cooldown
    [WindowUp] behavior.scaleUp.stabilizationWindowSeconds
    [WindowDown] behavior.scaleDown.stabilizationWindowSeconds
    [Policy] behavior policies
    [Dampening] cooldown between small changes
    [RecentlyBusy] recently busy
    [Min] minReplicas
    [Schedule] schedule
    [Max] maxReplicas
    [Busy] busy workers
   *[Unknown] unknown metrics
}
step-Constrained = { $from } → { $to }
    .until = { $from } → { $to } until { TIME($until) }
name-Field = { $field }
step-Field = { $value }
name-NotWritten = dryRun
step-NotWritten = { $replicas }, not written

## The tables of a simulation

sim-queue = QUEUE
sim-workers = WORKERS
sim-decision = DECISION
sim-why = WHY
sim-no-change = the number of workers never changes
sim-changes = changes
sim-most-workers = most workers
sim-tasks = tasks
sim-wait-p50 = half waited at most
sim-wait-p99 = 99 % waited at most
sim-wait-max = the longest wait
sim-late = late
sim-worker-hours = worker-hours
sim-busy-hours = × busy hours
sim-more = … and { $changes } more

## A reason as a label

label-WithinThresholds = within thresholds
label-QueueTooLong = queue too long
label-WorkersBusy = workers busy
label-HighCPU = high CPU
label-TasksPerWorker = tasks per worker
label-DrainWithin = drain in time
label-MaxWait = waited too long
label-ScaledFromZero = scaled from zero
label-FewerNeeded = fewer needed
label-NotIdle = not idle
label-Stabilized = stabilizing
label-RateLimited = rate limited
label-Scheduled = scheduled
label-Idle = idle
label-ScalingDown = scaling down
label-IdleWait = idle, waiting
label-CoolingDown = cooling down
label-AtMax = at maximum
label-TooFewReplicas = below minimum
label-TooManyReplicas = above maximum
label-BusyWorkers = busy workers kept
label-Unknown = no metrics
label-Fallback = fallback
label-Pinned = pinned
label-Suspended = suspended
label-DryRun = dry run
label-TargetChanged = target changed
label-TargetMissing = target missing
label-TargetConflict = target conflict
label-WriteFailed = write failed
label-InvalidSpec = invalid spec

## The dashboard

page-pools = All pools
page-poolCount = pools
page-problems = with problems
page-atLimit = at a limit
page-healthy = healthy
page-filter = Filter
page-filterHint = name, reason, !not
page-noMatch = No pool matches the filter.
page-noPools = There are no WorkerPools yet. Create one with:
page-loading = Waiting for the operator…
page-notFound = This WorkerPool does not exist, or it was deleted.
page-live = live
page-connecting = connecting
page-broken = No connection to the operator for
page-lastData = Last data received at
page-reconnecting = Reconnecting automatically.
page-pool = Pool
page-queueHistory = Queue, last 10 min
page-queue = Queue
page-wait = Oldest wait
page-busy = Busy
page-workers = Workers
page-why = Why
page-queueLength = Queue length
page-activeWorkers = Active workers
page-busyWorkers = Busy workers
page-avgTime = Avg time
page-success = Success rate
page-cpu = CPU usage
page-recommendation = Recommendation
page-target = Target workers
page-eta = ETA, queue empty
page-up = SCALE UP
page-down = SCALE DOWN
page-hold = HOLD
page-idleWorkers = idle
page-desired = desired
page-waiting = waiting
page-unknown = unknown
page-noMetrics = no metrics
page-threshold = threshold
page-decision = decision
page-noWorkers = no workers
page-cooldownUp = cooldown ↑
page-cooldownDown = cooldown ↓
page-idle = idle
page-nextChanges = Next changes
page-nextUp = Up
page-nextDown = Down
page-nowPossible = possible now, if a threshold is exceeded
page-atMaximum = already at the maximum
page-atMinimum = already at the minimum
page-atOnce = at once
page-ifConditionsHold = if conditions hold
page-needsMetrics = not without metrics
page-rulesInactive = the rules are not in effect
page-explanation = How it was decided
page-history = History
page-noHistory = No replica changes yet.
page-lastChange = Last change
page-scaleLatency = scale latency
page-writing = being written
page-metricsAvailable = of the metrics available
page-read = read
page-freeze = Freeze
page-follow = Follow
page-frozen = Frozen at
page-range = Time range
page-theme = Light or dark
page-help = Keys
page-chart = Chart of queue, wait and workers. The left and right arrow keys move through time.
page-readonly = Read-only. The same from the command line:
page-keyFilter = filter
page-keyMove = next and previous row
page-keyBack = back, clear
page-keyTime = move through time
page-keySpace = freeze and follow
page-keyRange = show less or more time
page-keyLang = language
page-keyTheme = light, dark
page-close = Close
page-whatIf = What if…
page-whatIfNote = Evaluates the last hour's metrics again with other rules. The queue does not react to workers that were not there. You can also drag a threshold in the chart.
page-whatIfUnsupported = These rules need counters that are not kept for the last hour. Use: kubectl workerpool simulate
page-queueUp = Up: queue above
page-busyUp = Up: busy above
page-upStep = Up: step
page-upCooldown = Up: cooldown
page-queueDown = Down: queue below
page-busyDown = Down: busy below
page-downStep = Down: step
page-downCooldown = Down: cooldown
page-downIdleFor = Down: idle for
page-minWorkers = Minimum workers
page-maxWorkers = Maximum workers
page-simulated = Simulated
page-changes = changes
page-workerHours = worker hours
page-actual = actual
page-peak = peak
page-max = max
page-moveSlider = Move a slider to see the YAML.
page-copy = Copy
page-copied = Copied
page-reset = Reset
page-pod = Pod
page-state = State
page-since = For
page-heldTasks = Works on
page-removalOrder = Removal order
page-beingRemoved = being removed
page-timedOut = kept, was busy too long
page-removedNext = removed next
page-isBusy = busy
page-isIdle = idle
page-draining = draining
page-stalled = stalled: alive, but takes no tasks
page-terminating = pod is terminating
page-podless = registered, but its pod is gone
page-unregistered = pod has not registered
page-workersUnsupported = This queue system does not report its workers, so it is unknown which of them are busy and which are removed next.
page-waitingForPoll = Waiting for the operator's next poll…
page-noneRegistered = No worker is registered.
page-notSelectable = The operator does not choose which pods of this target are removed.
page-whyNot = Why not a different number of workers?
page-whyNotUnknown = Unknown: the spec is invalid, or the target or its metrics are missing.
page-byHand = By hand
page-in = in { $span }
page-ifMore = { $tasks ->
    [one] if 1 more task waits
   *[other] if { $tasks } more tasks wait
}
page-ifFewer = { $tasks ->
    [one] if 1 task fewer waits
   *[other] if { $tasks } tasks fewer wait
}
page-tasksMore = { $tasks ->
    [one] 1 more task
   *[other] { $tasks } more tasks
}
page-tasksFewer = { $tasks ->
    [one] 1 task fewer
   *[other] { $tasks } tasks fewer
}
page-tasks = { $tasks ->
    [one] 1 task
   *[other] { $tasks } tasks
}
page-idleFor = idle for { $idle }
    .needed = idle for { $idle } of { $needed }
page-cooldownEndsIn = cooldown ends in { $span }
page-notIdle = not idle: must be idle for { $span }
page-afterPush = { $millis } ms after the push
page-unavailable = could not be read: { $cause }
page-podsWithoutWorker = { $pods ->
    [one] 1 pod without a registered worker
   *[other] { $pods } pods without a registered worker
}
page-workersWithoutPod = { $workers ->
    [one] 1 registered worker without a pod
   *[other] { $workers } registered workers without a pod
}
page-moreWorkers = … { $workers } more
page-registered = Workers: { $workers } registered, pods { $pods }
page-whyNotBefore = Why not
page-whyNotAfter = workers?
page-isDecided = { $workers }: this is what the rules decide now.
page-because = { $decided ->
    [one] 1 worker
   *[other] { $decided } workers
}, and not { $workers }, because
page-toHaveNow = For { $workers } now
page-toHaveSoon = For { $workers } soon
page-and = and
page-nothingUntil = nothing, if conditions hold until { TIME($at) }
page-ifSoUntil = { $tasks }, if conditions hold until { TIME($at) }
page-ago = { $span } ago
page-ordinal = { $category ->
    [one] { $n }st
    [two] { $n }nd
    [few] { $n }rd
   *[other] { $n }th
}
