### English: the language of status, Events and logs, and what another language lacks.
### Each reason, step and error has a code; the parameters are those of the code. An attribute (a line with a dot) takes
### the place of the text where all parameters in its name are there. TIME formats an instant, SPAN a span of time.

## The change that a reason explains

change = { $moves ->
    [no] { kept }
    [unguarded] { $from } → { $to } workers; the operator cannot tell which pods are busy: only terminationGracePeriodSeconds protects running tasks
    [refused] { $from } → { $to } workers; which pods are busy is unknown without CLIENT LIST ({ $refused }): only terminationGracePeriodSeconds protects running tasks
    [unmatched] { $from } → { $to } workers; which pods are busy is unknown, as Redis has no connection from the address of { $unmatched } (a proxy or NAT?): only terminationGracePeriodSeconds protects running tasks
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
reason-TooFewToStart = { $tasks ->
    [one] 1 task waits
   *[other] { $tasks } tasks wait
}, and more than { $threshold } start the first worker (scaleFromZero): { change }
reason-QueuePaused = the queue is paused, so { $tasks ->
    [one] its waiting task needs
   *[other] its { $tasks } waiting tasks need
} no worker: { change }
reason-Idle = idle for { SPAN($idle) }: { change }
reason-FewerNeeded = { triggered }
reason-IdleWait = { enough }, but more were busy recently: { change } until at least { TIME($until) }
    .since = idle since { TIME($since) }: { $to } → { $recommended } workers at { TIME($until) } if still idle
reason-NotIdle = { enough } for the target, but the scaleDown conditions are not met: { change }
reason-QueueNotEmpty = { enough } for the target, but the busy workers are unknown: { change } until the queue has been empty for { SPAN($idleFor) }
reason-CoolingDown = { recommended }: { later }
    .trigger = { $trigger }: { later }
reason-Stabilized = { recommended }, but not for the whole stabilization window: { change }
    .until = { recommended }, but not for the whole stabilization window: { change } until { TIME($until) }
reason-RateLimited = { recommended }, but behavior allows { $to } for now: { change }
    .until = { recommended }, but behavior allows { $to } for now: { change } until { TIME($until) }
reason-ScaleThrottled = { $reason } at { TIME($until) }: this namespace changes often
reason-AtMax = { $trigger }, but maxReplicas is { $to }: { change }
reason-AtQueueLimit = { $trigger }, but the queue lets { $limit ->
    [one] 1 task
   *[other] { $limit } tasks
} run at once: { change }
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
reason-TargetContested = { $writer } keeps setting { $target } to { $found }: it is next set back at { TIME($until) }; remove replicas from what { $writer } writes
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
waiting-Polling = waiting for { $pod } to finish; with LPOP it is never seen idle: use BLPOP
waiting-Unregistered = waiting: no worker registered for { $pods }, and a worker that holds a task names no pod of the target; set POD_NAME from metadata.name
    .more = waiting: no worker registered for { $pods } and { $more } more pods, and a worker that holds a task names no pod of the target; set POD_NAME from metadata.name
waiting-Registrations = waiting: a worker that is not registered may be busy in { $pods }
    .more = waiting: a worker that is not registered may be busy in { $pods } or one of { $more } more pods
waiting-PodsHidden = waiting: { $target } counts { $counted } pods, and only { $found } of those listed are its own
waiting-DrainRefused = waiting until no worker holds a task, because Redis refuses to drain workers: { $error }
waiting-PodsUnreadable = cannot list pods: { $error }
waiting-PodsUnmarkable = cannot mark pods: { $error }

## Why metrics are missing

cause-NotReadYet = not read yet
cause-Stale = no poll since { TIME($since) }
cause-RedisDown = Redis at { $address } does not answer: { $error }
cause-AddressNotAllowed = pools of { $namespace } may not connect to { $host }: name a Service of { $namespace }, or have it allowed with allowAddresses={"{"}{ $namespace }={ $host }{"}"}
cause-AddressForbidden = no pool may connect to { $host }
cause-InvalidAddress = spec.redis.address { $problem }
cause-ReferenceInvalid = { $object }, key { $key }, { $problem }
cause-ReferenceRefused = { $object }, key { $key }, does not fit Redis at { $address }: { $error }
problem-NoScheme = holds no redis:// or rediss:// address
problem-Unencoded = has #, / or ? in its password: write %23, %2F or %3F instead
problem-ControlCharacter = has a control character in its user or password
problem-Host = names no valid host
problem-Port = has no valid port
problem-Database = has a path that is no database number
problem-Empty = is empty or no text
problem-NoCertificate = holds no valid PEM certificate
problem-NoPrivateKey = holds no valid PEM private key
problem-OtherPrivateKey = is the private key of another certificate
cause-QueueUnreadable = cannot read the key { $key }: { $error }
cause-ReferenceMissing = { $object } does not exist in { $namespace }: create it, or fix spec.redis
cause-ReferenceKeyMissing = { $object } has no key { $key }: add it, or fix spec.redis
cause-ReferenceForbidden = the operator has no permission to read { $object } in { $namespace }: install it with rbac.secrets={"{"}{ $namespace }/{ $name }{"}"}
cause-ReferenceUnreadable = cannot read { $object }: { $error }
cause-NotRecorded = { $metrics } could not be read
cause-Unexplained = a metric that a rule needs is missing

## Conditions of a pool whose message is not that of the decision

condition-Scaling = the pool scales its target
condition-ValidMetricFound = the scaling rules are evaluated
condition-ReadyForNewScale = the operator can update the target's scale
condition-ScaleStabilized = the operator can update the target's scale
condition-DesiredWithinRange = the desired replica count is within the bounds
condition-AllMetricsRead = all metrics are fresh
condition-CredentialsCurrent = the operator uses what spec.redis refers to as it is now
condition-NoEviction = Redis has a maxmemory and refuses new tasks when it is full
condition-NoMaxMemory = Redis has no maxmemory, so a growing queue ends it instead of being refused: set it to three quarters of its container's limit
condition-EvictingPolicy = Redis deletes keys when it is full, and with them tasks: set maxmemory-policy to noeviction
condition-FetchedAhead = workers have fetched tasks ahead, which no new worker can take: set worker_prefetch_multiplier = 1 and task_acks_late = True, or start the workers with --disable-prefetch
condition-NotFetchedAhead = no worker fetches tasks ahead
condition-GraceSufficient = the pods' terminationGracePeriodSeconds is long enough for the tasks that were seen
condition-HandlerNeeded = a pod's end interrupts its jobs of { $system } unless the program of the workers has this line: { $line }
condition-GraceTooShort = the pods' terminationGracePeriodSeconds is { $grace }, and { $needed } are needed: a pod's end interrupts its tasks. { $fix }
condition-KeysTracked = Redis notifies the operator of changes
condition-IntervalRaised = the operator's minInterval is longer than spec.interval: the queues are read only as often as the administrator allows
condition-HelloRefused = Redis refuses HELLO and so cannot notify: the queues are read at each interval. Let the user run HELLO, or use Redis 6 or later
condition-TrackingRefused = Redis does not track the keys: the queues are read at each interval. Let the user run client|tracking, client|caching and the reads of the queue

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
name-Paused = paused queue
step-Paused = { $tasks ->
    [one] 1 waiting task does not count
   *[other] { $tasks } waiting tasks do not count
}
name-Held = fetched ahead
step-Held = { $tasks } out of reach of other workers: worker_prefetch_multiplier=1, task_acks_late=True
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
    [QueueLimit] the queue's limit
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
label-TooFewToStart = too few to start
label-QueuePaused = queue paused
label-FewerNeeded = fewer needed
label-NotIdle = not idle
label-QueueNotEmpty = queue not empty
label-Stabilized = stabilizing
label-RateLimited = rate limited
label-AtQueueLimit = limit of the queue
label-Scheduled = scheduled
label-Idle = idle
label-ScalingDown = scaling down
label-IdleWait = idle, waiting
label-CoolingDown = cooling down
label-ScaleThrottled = throttled
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
label-TargetContested = target contested
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
page-others = Held · due · delayed · paused
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
page-fromZero = From zero: queue above
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

## kubectl workerpool

cli-local-only-options = --redis and --pool-file work only with --local
cli-local-server = of the local cluster
cli-local-port-taken = {" "}(8000 is in use)
cli-local-started =
    Started a local cluster: Redis at { $redis }, dashboard at http://127.0.0.1:{ $dashboard }{ $port_note }. It stops after 2 h without a command, or with `kubectl workerpool stop --local`.
    Plain kubectl reaches it, too: export KUBECONFIG={ $kubeconfig }
cli-local-only-command = `{ $name }` works only with --local
cli-local-stopped = The local cluster has stopped.
cli-local-none = There is no local cluster.
cli-local-gallery = Serving the gallery on http://{ $listen } and its API below /api, until Ctrl-C.
cli-local-server-failed = the HTTP server does not start
cli-capacity-or-smaller = or smaller workers
cli-capacity-enough = enough for { $missing ->
    [one] 1 more worker
   *[other] { $missing } more workers
}, up to maxReplicas
cli-capacity-too-small = { $most ->
    [one] the nodes fit 1 worker
   *[other] the nodes fit { $most } workers
}, but maxReplicas is { $max }
cli-clock-api-server = the API server
cli-clock-agree = { $names } and this machine agree
cli-clock-ahead = the clock of { $name } is { $seconds } s ahead of this machine's
cli-clock-behind = the clock of { $name } is { $seconds } s behind this machine's
cli-clock-fix = sudo timedatectl set-ntp true   (Docker Desktop: restart it)
cli-cluster-error = { $head }, but { $error }
cli-cluster-permitted = { $head }, you have the permissions
cli-cluster-forbidden = { $head }, but in namespace { $namespace } you may not: { $missing }
cli-cluster-role-binding = kubectl -n { $namespace } create rolebinding workerpool-users --clusterrole=edit { $subject }   (needs an administrator)
cli-operator-image = Deployment { $name } in namespace { $namespace }: { $text }
cli-operator-ready = { $name } { $version } in namespace { $namespace }, ready
cli-operator-not-visible = not in a namespace that you may read; the pool's conditions below show whether one answers
cli-operator-not-installed = not installed: no namespace has its Deployment
cli-operator-scaled-to-zero = Deployment { $name } in namespace { $namespace } is scaled to 0
cli-operator-no-ready-pod = Deployment { $name } in namespace { $namespace } has no ready pod{ $reason }
cli-definition-missing = { $name } is not installed
cli-definition-version-missing = { $name } is installed, but not in version { $version }
cli-definition-same = { $name } { $version }, same as this program
cli-definition-differs = { $name } { $version } differs from that of this program, { $program }
cli-definition-lacks = { $name } { $version } lacks fields of this program, { $program }: { $fields }
cli-api-served = { $name } { $version } is served
cli-admission-missing = the admission policies { $missing } are missing: nothing keeps the operator from changing pods, and the authors of pools within their own rights
cli-api-not-served = { $group_version } is not served
cli-context-unknown = the kubeconfig has no context { $chosen }; it has: { $all }
cli-context-none = the kubeconfig has no current context; it has: { $all }
cli-context-no-file = no cluster yet: { $file } does not exist
cli-context-no-cluster = no cluster yet
cli-context-fix = { $everything }   (without Kubernetes: kubectl workerpool demo --local)
cli-context-other-cluster = { $context } has no WorkerPools; { $kind_context }, which your kubeconfig also names, is the cluster of the demo
cli-docker-silent = does not answer: { $error }
cli-docker-without = without Docker: kubectl workerpool demo --local
cli-docker-group-fix = sudo usermod -aG docker "$USER"   (then log in again; { $without })
cli-docker-install-fix = sudo apt-get install docker.io   (macOS, Windows: install Docker Desktop; { $without })
cli-docker-start-fix = sudo systemctl start docker   (macOS, Windows: start Docker Desktop; { $without })
cli-dashboard-silent = no dashboard answers on port { $port }
cli-port-process = {" "}by { $name } (pid { $pid })
cli-dashboard-other-port = , since 8000 is taken{ $who }
cli-dashboard-address = dashboard at http://127.0.0.1:{ $port }{ $note }
cli-image-not-pulled = image { $image } cannot be pulled ({ $reason }{ $cause })
cli-image-load-fix = { $correct }   (or load it: { $load })
cli-image-push-fix = { $correct }   (or push { $image } to a registry that the nodes reach)
cli-check-server-timeout = the API server { $server } does not answer within { $seconds } s
cli-check-timeout = no answer in time
cli-pool-other-namespace = namespace { $namespace } has no WorkerPool; namespace { $other } has { $name }
cli-pool-none = there is no WorkerPool yet, in no namespace
cli-target-ready = { $kind } { $name }: { $ready } of { $desired } { $desired ->
    [one] pod
   *[other] pods
} ready
cli-pool-unobserved = { $name }: no operator has observed the latest spec
cli-pool-condition = { $name }: { $condition } is { $status }: { $message }
cli-ports-free = 8000 and 8001 are free
cli-port-container = {" "}by container { $name }
cli-port-container-fix = { $change }   (or free it: docker stop { $name })
cli-port-process-fix = { $change }   (or free it: kill { $pid })
cli-port-taken = { $port } is taken{ $who }: a kind cluster cannot start with it
cli-proxy-catches = { $name } also catches { $hosts }, where no proxy is needed
cli-proxy-used = the API server is reached through { $name } ({ $source })
cli-redis-version-hidden = { $name }, { $millis } ms (its version is hidden: INFO is refused)
cli-redis-notifies = { $name }, notifies of changes
cli-redis-polled = { $name }, but without notifications (CLIENT TRACKING): the operator sees new tasks only every { $interval }
cli-redis-queues-unreadable = answers, but the queues cannot be read: { $error }
cli-redis-replica-of = { $name } is a replica of { $primary }, which has the queues
cli-redis-replica = { $name } is a replica: the queues are on its primary
cli-redis-is-sentinel = { $name } is a Sentinel and has no queues
cli-redis-rights = { $name }: to read the queues, the user lacks the right to { $commands }
cli-redis-keys-refused = { $name }: the user lacks the right to the keys of the queues
cli-redis-rights-scale-down = { $name }: to scale down without an interrupted task, the user lacks the right to { $commands }
cli-check-queue = { $name }, { $ready } ready
cli-redis-keep-setting = # and add the same to its arguments or its redis.conf, so that a restart keeps it
cli-redis-no-maxmemory = maxmemory is 0: Redis grows until the node kills it with all its tasks, and push.lua cannot refuse more
cli-redis-evicts = maxmemory-policy is { $policy }: when memory is full, Redis deletes tasks, results and leases
cli-redis-then-address = then correct spec.redis
cli-redis-pod-not-ready = pod { $pod_name } is not ready ({ $reason })
cli-redis-scaled-to-zero = { $workload } is scaled to 0
cli-replicas-helm-release = the helm release { $release }
cli-replicas-also-set = { $who } also sets the replicas of { $kind } { $name }: each time it resets the operator's count
cli-replicas-then-apply = then remove `replicas` from the manifest, and apply it as before
cli-replicas-chart-note = at each upgrade; `replicaCount` is what the chart calls it. If the chart is yours: docs/troubleshooting.md
cli-setup-demo = make demo   (in a clone of the repository; with the class kit: ./class up)
cli-grace = terminationGracePeriodSeconds is { $grace }{ $longest }
cli-grace-longest = , the longest task seen ran for { $span }
cli-grace-handler = { $grace }; at SIGTERM { $system } finishes a job only where the program has: { $line }
cli-grace-short = { $grace }: a pod's end interrupts tasks
cli-workers-unreported = Redis does not report which workers are registered
cli-workers-stalled = { $stalled } has a heartbeat but takes no tasks, even if some are waiting
cli-workers-elsewhere = ; { $n ->
    [one] 1 more worker runs
   *[other] { $n } more workers run
} elsewhere
cli-workers-heartbeats = { $count } of { $count } { $count ->
    [one] pod has
   *[other] pods have
} a heartbeat{ $more }
cli-workers-unregistered = { $n } of { $count } { $count ->
    [one] pod
   *[other] pods
} never registered: { $all }
cli-workers-other-queue = { $text }; they work on queue { $queue }, but the pool reads { $pool_queues }
cli-dashboard-operator = the operator's dashboard
cli-dashboard-forwarding = Forwarding to the dashboard of pod { $pod } until Ctrl-C. It reconnects when the pod or the API server restarts.
cli-dashboard-connected = connected to pod { $pod }
cli-dashboard-retrying = { $error }; retrying …
cli-demo-pinned = WorkerPool { $name } is pinned to { $pin ->
    [one] 1 worker
   *[other] { $pin } workers
} and would not scale; first: kubectl workerpool scale { $name } auto
cli-demo-replay = A recorded trace, decided again by the rules of { $name }: no cluster, no Redis.
cli-demo-operator-says = {" "}The operator: { $message }.
cli-demo-before-burst = Before the burst: waiting until { $condition }.{ $message }
cli-demo-timeout = The demo did not end within { $limit }: still waiting until { $condition }.
cli-demo-trace-ended = The trace ends before the demo: still waiting until { $condition }.
cli-demo-time = {" "}in { $time } s
cli-demo-failed = {" "}({ $failed } failed in this queue so far)
cli-demo-summary = { $name }: { $path } workers; { $done } of { $tasks } { $tasks ->
    [one] task
   *[other] tasks
} done{ $time }{ $failed }
cli-demo-within-second = within a second
cli-demo-millis-after-push = { $millis } ms after the push
cli-demo-seconds-after-push = { $whole }.{ $tenth } s after the push
cli-demo-until-redis = Redis answers{ $error }
cli-demo-until-registered = { $idle ->
    [one] exactly 1 worker is
   *[other] exactly { $idle } workers are
} registered (now { $live })
cli-demo-until-idle = the pool has { $idle ->
    [one] 1 worker
   *[other] { $idle } workers
} again (now { $now })
cli-demo-until-target = the target of the WorkerPool exists
cli-demo-until-empty = the queue is empty ({ $ready } waiting, { $running } running)
cli-demo-idle = { $live ->
    [one] 1 worker is
   *[other] { $live } workers are
} idle. Watch the column Queue.
cli-explain-undecided = { $name }: no operator has decided on it yet; `kubectl workerpool check { $name }` finds the cause
cli-explain-unobserved = The spec has changed since, and no operator has observed it: kubectl workerpool check { $name }
cli-explain-metrics = metrics
cli-explain-last-change = last change
cli-explain-change-ago = { $change }, { $ago } ago
cli-explain-empty-in = empty in
cli-explain-none = none
cli-explain-at-max = maxReplicas is { $max }
cli-explain-at-min = minReplicas is { $min }
cli-explain-next-up = next up
cli-explain-next-down = next down
cli-explain-suspended = { $message }. { $reason }, { $ago } ago.
cli-metrics-waiting = { $n } waiting
cli-metrics-held = { $n } fetched ahead by workers
cli-metrics-delayed = { $n } delayed
cli-metrics-busy = { $busy } of { $live } { $live ->
    [one] worker
   *[other] workers
} busy
cli-metrics-task-takes = a task takes { $span }
cli-metrics-oldest = the oldest has waited { $waited }
cli-metrics-unavailable = unknown: { $reason }
cli-explain-if-unchanged = if it stays as it is
cli-explain-if-more = { $n ->
    [one] if 1 more task waits
   *[other] if { $n } more tasks wait
}
cli-explain-if-fewer = { $n ->
    [one] if there is 1 task fewer
   *[other] if there are { $n } fewer tasks
} from now on
cli-explain-earliest = in { $span } at the earliest{ $clock }
cli-explain-at-once = { page-atOnce }
cli-explain-drain-with = { $span } with { $workers }
cli-explain-drain = about { $now } { $live ->
    [one] worker
   *[other] workers
} · { $one_more } · { $two_more }
cli-failed-unchanged = Nothing was changed.
cli-failed-deleted = { $name }: { $done ->
    [one] 1 failed task
   *[other] { $done } failed tasks
} deleted
cli-failed-returned = { $name }: { $done ->
    [one] 1 failed task waits
   *[other] { $done } failed tasks wait
} again
cli-failed-missing = { $missing ->
    [one] 1 was
   *[other] { $missing } were
} not on the failed list; `kubectl workerpool failed` lists it
cli-failed-ask-delete = Delete { $tasks ->
    [one] 1 failed task
   *[other] { $tasks } failed tasks
} of { $name }, for good?
cli-failed-ask-return = Return { $tasks ->
    [one] 1 failed task
   *[other] { $tasks } failed tasks
} of { $name } to the queue?
cli-failed-no-terminal = { $question } There is no terminal to answer on: add --yes
cli-failed-keys = y: yes · anything else: no
cli-failed-none = { $name }: no failed tasks
cli-failed-head-at = FAILED
cli-failed-head-attempts = TRIES
cli-failed-head-worker = WORKER
cli-failed-head-task = TASK
cli-failed-head-error = ERROR
cli-failed-shown = { $shown } of { $total }, newest last; --limit { $total } shows all.
cli-failed-next = Again: kubectl workerpool failed { $name } --retry [--id TASK …]; delete: --clear
cli-failed-dropped = { $trimmed ->
    [one] 1 older one was
   *[other] { $trimmed } older ones were
} dropped: the list keeps the newest 10,000, of at most 16 MiB.
cli-fast-unchanged = --fast: tasks of { $seconds } s. The delays of { $name } stay unchanged; only --local shortens them.
cli-fast-quarter = --fast: tasks of { $seconds } s, and until the demo ends a quarter of the delays of { $name }.
cli-history-none = The number of workers has not changed yet. To see why: kubectl workerpool explain
cli-history-latency = { $message }, { page-afterPush }
cli-history-at = { $name } at { $clock }: { $to }, for { $span } until then
cli-history-before = { $name } at { $clock }: { $from }; the history starts later
cli-history-never-changed = { $name } at { $clock }: unknown, the number of workers has never changed
cli-history-metrics = metrics
cli-history-why = why
cli-history-then = then
cli-history-not-a-time = `{ $text }` is not a time; use 14:03 or 2026-11-27T14:03:00Z
cli-metrics-queue = { $queue } { $queue ->
    [one] task
   *[other] tasks
}
cli-metrics-others = held { $held } · due { $due } · delayed { $delayed } · paused queues { $paused }
cli-metrics-nothing-known = ? (nothing is known)
cli-metrics-up = { page-up }
cli-metrics-down = { page-down }
cli-metrics-stay = STAY
cli-metrics-target-unknown = ? is unknown: { $reason }
cli-metrics-by-rules = ; by the rules alone, since no operator has decided yet
cli-metrics-minutes = { $minutes } { $minutes ->
    [one] minute
   *[other] minutes
}
cli-metrics-queue-length = Queue Length
cli-metrics-active-workers = Active Workers
cli-metrics-busy-workers = Busy Workers
cli-metrics-average-time = Avg Time
cli-metrics-success-rate = Success Rate
cli-metrics-cpu = CPU Usage
cli-metrics-oldest-wait = Oldest Wait
cli-metrics-recommendation = Recommendation
cli-metrics-target-workers = Target Workers
cli-metrics-eta = ETA
cli-narration-none-waits = No task waits any more, { $running } still { $running ->
    [one] runs
   *[other] run
}.
cli-narration-faster = With more workers the queue gets shorter faster.
cli-narration-steps = The new workers take tasks already. Why not { $max } at once? A step adds { $step }, and the cooldown before the next is { $cooldown }.
cli-narration-lost = The queue is empty, but only { $done } of { $tasks } tasks are done: Redis has lost the others.
cli-narration-all-done = { $tasks ->
    [one] The task is done.
   *[other] All { $tasks } tasks are done.
} After { $idle } of idle time the pool scales down, { $step ->
    [one] 1 worker
   *[other] { $step } workers
} at a time, every { $cooldown }. Only idle workers are removed.
cli-narrator-other-client = not by the operator: another client set the replicas
cli-narrator-stuck = The rules require { $desired ->
    [one] 1 worker
   *[other] { $desired } workers
}, but the replicas have not changed for 5 s. The operator's latest message: { $message }. `kubectl workerpool check` finds the cause
cli-narrator-no-operator = No operator answers: the rules require { $desired ->
    [one] 1 worker
   *[other] { $desired } workers
}, but the replicas do not change. `kubectl workerpool check` finds the cause; by hand: `kubectl workerpool scale { $desired }`
cli-narrator-unobserved = No operator answers: the latest spec of this WorkerPool was not observed. `kubectl workerpool check` finds the cause
cli-pause-until-time = The pool stays paused until { $end }, or until { $resume }
cli-pause-until-resumed = The pool stays paused until { $resume }
cli-rules-decide-again = The rules decide again.
cli-pause-unanswered = { $name }: saved, but { $why }; `kubectl workerpool check` finds the cause
cli-unanswered = no operator answered within { $seconds } s
cli-unanswered-late = the operator { $operator } has not answered within { $seconds } s
cli-waiting-late = the operator { $operator } is ready, but has not answered yet; waiting up to { $seconds } s
cli-scale-answered = The operator answered in { $took } ms.
cli-scale-no-operator = No operator answered within 5 s. The rules are not applied until an operator runs: kubectl workerpool check
cli-scale-unpinned-unanswered = { $name }: the pin is removed, but { $why }, so the rules are not applied; `kubectl workerpool check` finds the cause
cli-scale-pinned-unanswered = { $name }: pinned to { $n }, but { $why }, so the replicas may be unchanged; `kubectl workerpool check` finds the cause
cli-scale-held = It is pinned to { $n }, but stays at { $to } as long as that reason holds.
cli-scale-until-time = It stays at { $n } until { $end }, or until { $auto }
cli-scale-until-auto = It stays at { $n } until { $auto }
cli-scale-directly = no operator answered within 5 s; scaling { $kind } { $name } directly
cli-scale-unchanged = { $kind }/{ $name } already has { $replicas ->
    [one] 1 worker
   *[other] { $replicas } workers
}
cli-scale-done-directly = No operator answered within 5 s, so { $kind }/{ $name } was scaled directly from { $from } to { $replicas }. The rules are not applied until an operator runs: kubectl workerpool check
cli-stress-mixed = two of three I/O-bound, the third CPU-bound
cli-stress-cpu = CPU-bound
cli-stress-io = I/O-bound
cli-stress-tasks = { $tasks ->
    [one] 1 task
   *[other] { $tasks } tasks
} of { $seconds } s, { $kind }.
cli-stress-tasks-chosen = { $tasks ->
    [one] 1 task
   *[other] { $tasks } tasks
} of { $seconds } s, { $kind }; chosen from the rules of { $name } (--tasks and --task-seconds choose otherwise).
cli-stress-no-change = { $head } By these rules the number of workers stays.
cli-stress-expected = { $head } From an idle pool, expect:
cli-stress-step = {"  "}after { $at } s  { $message }
cli-stress-cpu-rule = {"  "}The rule for CPU is not the first to be exceeded here, so no message names it; `metrics` shows the CPU.
cli-why-not-decided = { $name }: the rules decide { $replicas } now.
cli-why-not-because = { $name }: { $decided ->
    [one] 1 worker
   *[other] { $decided } workers
}, not { $replicas }, because
cli-why-not-now = for { $replicas } now
cli-why-not-soon = for { $replicas } soon
cli-why-not-and = {" "}and{" "}
cli-why-not-nothing-until = nothing, if the queue stays as it is until { $at }
cli-why-not-if-idle-until = { $tasks }, if still idle until { $at }
cli-why-not-by-hand = by hand
cli-why-not-more = { page-tasksMore }
cli-why-not-fewer = { page-tasksFewer }
cli-chart-queue = { page-queue }
cli-chart-cooldown = cool { $sign }
cli-chart-idle = idle
cli-screen-keys = { page-help }
cli-ask-tasks = { $name }: how many tasks?
cli-ask-workers = { $name }: how many workers? 5, or 5 30m for half an hour, or auto to follow the rules
cli-ask-pause = { $name }: pause for how long, and why? Such as 30m exam; leave empty to pause until resumed
cli-ask-keys = enter: continue · esc: cancel
cli-confirm-push = Push { $tasks ->
    [one] 1 task
   *[other] { $tasks } tasks
} into { $name }?
cli-confirm-auto = Let the rules of { $name } decide again?
cli-confirm-pin-for = Pin { $name } to { $n ->
    [one] 1 worker
   *[other] { $n } workers
} for { $span }, regardless of load?
cli-confirm-pin = Pin { $name } to { $n ->
    [one] 1 worker
   *[other] { $n } workers
}, regardless of load, until `auto`?
cli-confirm-suspend-for = Suspend scaling of { $name } for { $span }{ $reason }?
cli-confirm-suspend = Suspend scaling of { $name } until it is resumed{ $reason }?
cli-confirm-resume = Resume { $name }, so that its rules decide again?
cli-confirm-keys = y: yes · any other key: no
cli-screen-too-small = { $w }×{ $h } at least, please
cli-screen-filter = {" "}filter:{" "}
cli-footer-readonly = read-only{"  "}
cli-footer-writes = s stress  n workers  p pause{"  "}
cli-footer-pools = ↑↓ enter open  / filter{"  "}
cli-footer-time-narrow = ←→ time  b pools{"  "}
cli-footer-time = ←→ time  [ ] changes  space freeze  tab pane  b pools{"  "}
cli-footer-keys = {" "}{ $navigation }{ $writes }? help  q quit{" "}
cli-footer-undecided = No operator has made a decision yet: kubectl workerpool check { $name }
cli-footer-ago = { $ago } ago
cli-footer-spec-changed = {" "}The spec has changed since, and no operator has processed it yet.
cli-header-trouble-key = {"  "}⚠ { $trouble } with problems (b)
cli-header-trouble = ⚠ { $trouble } with problems{"  "}
cli-header-limit = ▲ { $limit } at a limit{"  "}
cli-header-healthy = ✓ { $healthy } { page-healthy }
cli-header-live = ● live { $clock }
cli-header-not-watched = ✖ not watched { $clock }
cli-header-frozen = {" "}❚❚ { $frozen } ({ $ago } ago){" "}
cli-header-no-metrics = ✖ no metrics { $clock }
cli-header-no-poll = ✖ no poll for { $age } { $clock }
cli-screen-no-terminal = this is not a terminal: `kubectl workerpool monitor` prints one line per change, `interactive --snapshot` one frame
cli-history-pane-latency = History, latency { $median } ms, max { $max } ms
cli-history-pane = { page-history }
cli-history-pane-empty = { page-noHistory }
cli-metrics-pane-age = read { $age } ago
cli-metrics-pane-workers = █ busy  ░ idle  ━ desired
cli-metrics-pane-marks = ▲▼ change  ╌ limit  ? unknown
cli-metrics-pane-drain = empty in { $span } with { $n }
cli-steps-pane = { page-explanation }
cli-workers-pane-unknown = Workers: ?
cli-workers-pane-unreported = Workers: { $replicas }, names not reported
cli-workers-pane = Workers: { $count } of { $replicas } registered
cli-workers-pane-more = … { $more } more
cli-workers-pane-busy = { page-isBusy }
cli-workers-pane-idle = { page-isIdle }
cli-workers-pane-draining = { page-draining }
cli-workers-pane-stalled = stalled
cli-workers-pane-next = goes next
cli-pools-title = Pools, problems first
cli-pools-head-pool = POOL
cli-pools-head-queue = QUEUE
cli-pools-head-busy = BUSY
cli-pools-head-workers = WORKERS
cli-pools-head-wait = WAIT
cli-pools-head-why = WHY
cli-pools-waiting = waiting for the API server …
cli-pools-no-match = { page-noMatch }
cli-pools-none = { page-noPools } kubectl apply -f manifests/demo.yaml
cli-pools-no-workers = { page-noWorkers }
cli-prompt-readonly = --readonly: nothing is written
cli-prompt-number = a number from 1 to 100000
cli-prompt-workers = such as 5, or 5 30m, or auto
cli-prompt-pause = such as 30m, then a reason
cli-key-quit = quit (also ctrl-c)
cli-key-help = this help
cli-key-back = back: to the present, to all pools, no filter
cli-key-open = open the pool
cli-key-pools = all pools
cli-key-filter = filter: name, reason, !not
cli-key-move = previous, next row; or scroll
cli-key-move-ten = ten rows up, down
cli-key-time = earlier, later
cli-key-change = previous, next change
cli-key-freeze = { page-keySpace }
cli-key-space = space
cli-key-first = first row, or start of the timeline
cli-key-last = last row, or the present
cli-key-range = less, more time
cli-key-pane = enlarge workers, steps or history
# In the language that the key switches to.
cli-key-language = in English
cli-key-stress = stress: push a burst of tasks
cli-key-scale = number of workers: pin it, or auto
cli-key-pause = pause: suspend scaling for a while
cli-key-resume = resume: the rules decide again
cli-help-usage = Usage
cli-help-arguments = Arguments
cli-help-commands = Commands
cli-help-options = Options
cli-help-this = Print help
cli-probe-unsupported = not reported: { $why }
cli-probe-unavailable = not known: { $why }
cli-probe-none = this queue does not report it
cli-probe-one-each = each worker runs one task at a time
cli-probe-no-task = no task waits
cli-probe-option = { $flag } does not belong to system { $system }
cli-probe-needs-group = system { $system } needs --group
cli-source-url = --redis is no address of a Redis: write redis://HOST:PORT/DATABASE or rediss://…
cli-source-which = these options are for a Redis without a pool: name it with --redis, --sentinel or --cluster
cli-source-address = { $address } is no address: write HOST:PORT
cli-source-variable = the environment variable { $name } is not set
cli-source-file = cannot read { $file }: { $error }
cli-source-certificates = the certificates or the key are not usable PEM files: { $error }

cli-discover-holds = This database holds { $system } queues: { $names }
cli-discover-target = the Deployment of its workers
cli-discover-address = as the operator reaches it
cli-discover-none = no queue was found in this database
cli-discover-incomplete = the database has more keys than were searched: there may be more queues
cli-missing-queue = there has been no queue { $name } of system { $system } for 10 minutes; this Redis holds { $near }
cli-missing-elsewhere = { $queue } in database { $number }

## Errors of kubectl workerpool, and what it was doing

elsewhere = choose another with -n, or create one: `kubectl apply -f manifests/demo.yaml`
cli-error = error: { $error }
cli-waiting = waiting for { $what } …
cli-waited = { $what } did not answer within { $seconds } s
cli-no-answer = no answer within { $seconds } s
cli-connection-refused = connection refused
cli-cannot-read = cannot read { $file }
cli-standard-input = standard input
cli-object-missing = the { $kind } does not exist
cli-doing-list-pools = reading the WorkerPools
cli-doing-list-all-pools = reading the WorkerPools of all namespaces
cli-doing-watch-pools = watching the WorkerPools
cli-doing-watch = watching the { $kind }
cli-doing-read-scale = reading the scale of { $kind } { $name }
cli-doing-read-service = reading Service { $name }
cli-doing-read-secret = reading Secret { $name } of the pool's Redis
cli-doing-token = the dashboard asks for a token, and the kubeconfig has none; creating one for the account { $account } in { $namespace }
cli-login-no-token = the API server created no token for { $account }
cli-login-failed = cannot log in: { $error }
cli-doing-read-version = reading its version
cli-doing-read-definition = reading its definition
cli-doing-list-pods = listing its pods
cli-doing-find-service-pod = looking for the pod of Service { $name }
cli-doing-find-operator = looking for the operator
cli-doing-find-operator-pod = looking for the operator's pod
cli-doing-forward = forwarding to pod { $pod }
cli-doing-forward-dashboard = forwarding to pod { $name }, which needs create on pods/portforward
cli-doing-scale = scaling WorkerPool { $name }
cli-doing-pause = pausing WorkerPool { $name }
cli-doing-resume = resuming WorkerPool { $name }
cli-doing-remove-pin = removing pin and pause of WorkerPool { $name }
cli-doing-set-delays = setting its delays
cli-deployments = the list of Deployments
cli-permissions = the review of your permissions
cli-definition = the definition of WorkerPools
cli-api-server = the API server { $server } ({ $doing })
cli-api-unauthenticated = not authenticated at { $server }; log in again, or choose another context than { $context } with --context
cli-api-no-message = { $server } returned HTTP { $code } without a message
cli-api-silent = the API server { $server } does not answer{ $through } ({ $cause }); is the cluster running, and is { $context } the right context? `kubectl config get-contexts` lists all contexts
cli-api-through-proxy = {" "}through the proxy { $name } ({ $source })
cli-api-denied = you may not { $verb } { $resource }
cli-api-forbidden = it is forbidden ({ $message })
cli-api-ask-for-edit = { $denied }; ask an administrator for the role `edit` in namespace { $namespace }, which allows it
cli-api-no-stream = the API server opened no stream to pod { $pod }
cli-pools-no-api = this cluster ({ $context }) has no WorkerPool API: install it with `helm install workerpool charts/workerpool`
cli-pools-not-even = namespace { $namespace } has no WorkerPools, not even { $name }; { elsewhere }
cli-pools-others = namespace { $namespace } has no WorkerPool { $name }; it has: { $names }
cli-pools-several = namespace { $namespace } has { $count } WorkerPools, choose one: { $names }
cli-pools-empty = namespace { $namespace } has no WorkerPools; { elsewhere }
cli-kubeconfig-no-client = cannot create a client from this kubeconfig
cli-kubeconfig-error = { $error }; `kubectl config get-contexts` lists all contexts
cli-kubeconfig-unusable = no usable kubeconfig ({ $error }): set KUBECONFIG or use --kubeconfig FILE
cli-proxy-no-list = NO_PROXY is not a list of hosts, separated by commas: { $error }
cli-proxy-no-url = the proxy is not a URL: { $error }
cli-proxy-source-no-url = the proxy in { $source } is not a URL
cli-proxy-socks-password = the proxy in { $source } is SOCKS5 with a password, which this program does not support: use one without, or an HTTP proxy
cli-proxy-scheme = the proxy in { $source } must be an http, https or socks5 URL
cli-redis-no-address = WorkerPool { $name } has no Redis address
cli-doing-read-config-map = reading ConfigMap { $name } of the pool's Redis
cli-redis-key-missing = { $kind } { $name } has no key { $key } for Redis
cli-tls-authorities = the certificates of the authorities are no PEM
cli-tls-certificate = the client's certificate is no PEM
cli-tls-key = the client's private key is no PEM
cli-tls-other-key = the client's private key is of another certificate
cli-link-name = its host name is not known
cli-link-no-tls = TLS: it does not speak TLS on this port
cli-link-tls = TLS: { $error }
cli-link-tls-silent = TLS: { $silence }; the port may be one without TLS
cli-link-tls-expired = TLS: its certificate has expired
cli-link-tls-not-yet = TLS: its certificate is not valid yet, or the clock of this machine is behind
cli-link-tls-unknown-ca = TLS: its certificate is from an authority that is not trusted
cli-link-tls-wrong-name = TLS: its certificate is not for the name { $name }
cli-link-tls-asks-client = TLS: it asks for a client certificate
cli-link-tls-refuses-client = TLS: it refuses the client's certificate ({ $alert })
cli-link-closed = it closes the connection without an answer; the port may be one with TLS
cli-link-no-master = this Sentinel knows no master { $master }
cli-link-no-host = this Sentinel names no valid host
cli-link-slots = no node serves slot { $slot } of the queue; { $missing } of 16384 slots are not served
cli-redis-address-unreadable = the Redis address of WorkerPool { $name } cannot be read, or asks not to verify certificates
cli-redis-secret-not-text = key { $key } of Secret { $name } is not valid UTF-8
cli-redis-needs-password = it asks for a password, and there is none
cli-redis-wrong-password = wrong user or password
cli-redis-connection-lost = connection lost
cli-redis-service-missing = spec.redis names Service { $name }, which does not exist in namespace { $namespace }: see `kubectl -n { $namespace } get services`
cli-redis-no-forward = you may not forward to pods in namespace { $namespace }; the role `edit` has the permissions, get and create on pods/portforward
cli-redis-port-closed = nothing listens on port { $port } of pod { $pod }: { $reason }
cli-redis-pod-silent = pod { $pod } does not answer on port { $port } within { $seconds } s
cli-redis-no-ready-pod = no pod behind Service { $name } is ready: see `kubectl -n { $namespace } get pods -l { $selector }`
cli-service-without-selector = Service { $name } in namespace { $namespace } has no selector, so there is no pod to forward to
cli-service-port-missing = Service { $name } targets a port that pod { $pod } does not have
cli-operator-silent = the operator does not answer
cli-dashboard-not-installed = this cluster has no operator and no dashboard: install them with `helm install workerpool charts/workerpool`, or use `kubectl workerpool dashboard --local`
cli-dashboard-no-operator = no operator in a namespace that you may read; set its namespace with -n
cli-dashboard-no-ready-pod = no pod of the operator is ready: see `kubectl -n { $namespace } get pods -l { $labels }`
cli-dashboard-disabled = the operator in { $namespace } serves no dashboard: install it with --set dashboard.enabled=true
cli-dashboard-local-silent = cannot connect to the dashboard of the local operator
cli-dashboard-no-accept = cannot accept connections on the port
cli-dashboard-no-listen = cannot listen on local port { $port } ({ $error }): choose another with --port
cli-failed-no-queue = WorkerPool { $name } has no queue with system WorkerPool: a plain list has no failed tasks
cli-stress-no-queue = WorkerPool { $name } has no queue with system WorkerPool; the task format of a plain list is unknown
cli-stress-no-pictures = cannot store the pictures
cli-stress-no-tasks = cannot push the tasks
cli-stress-refused = the queue refused the tasks after { $pushed } of { $tasks }: { $reason }
cli-image-no-file = not a file
cli-image-no-picture = not a PNG, JPEG or WebP file
cli-image-too-big = { $size } MiB, at most { $most }
cli-image-too-many = --image: { $size } MiB in all, at most { $most } fit beside the tasks in Redis
cli-replay-built-in = the built-in trace
cli-replay-empty = the trace is empty
cli-replay-pool-no-yaml = the pool is not valid YAML
cli-replay-pool-unknown-field = the pool has an unknown field { $field }
cli-replay-pool-invalid = the pool cannot be read
cli-record-null = { $error }: recorded as null
cli-simulate-one-queue = { $file }: --arrivals needs a pool with one queue, and this pool has { $queues }
cli-simulate-no-yaml = { $file }: not a single YAML document
cli-simulate-other-kind = { $file }: expected kind WorkerPool, found { $kind }: `kubectl get wp NAME -o yaml` prints one
cli-simulate-unknown-field = { $file }: unknown field { $field }: `kubectl explain wp.spec` lists the fields
cli-simulate-invalid-pool = { $file }: not a valid WorkerPool
cli-metrics-unread = it could not be read
cli-history-workers = { $n ->
    [one] 1 worker
   *[other] { $n } workers
}
cli-header-workers = {"  "}{ $workers } workers{ $bounds }{"  "}
cli-header-pools = { $count ->
    [one] 1 pool
   *[other] { $count } pools
}

## The gallery of the reference worker

gallery-skip = Skip to the picture
gallery-title = Gallery
gallery-lead = Your photo is cut into tiles. Each tile is a task, and each worker paints the ones it takes: more workers, faster.
gallery-workers = Workers
gallery-waiting = Tasks waiting
gallery-rate = Tasks per second
gallery-clock = Your picture
gallery-photo = Photo
gallery-choose = Choose a photo
gallery-orDrop = or drop one anywhere. It is cut on your device.
gallery-mountains = Mountains
gallery-city = City at night
gallery-filters = Filters
gallery-tiles = Tiles
gallery-delay = Time of each task
gallery-delay0 = Only the filter (CPU)
gallery-delay1000 = 1 s, like a download
gallery-send = Send to the workers
gallery-again = Send again
gallery-board = The picture
gallery-team = Who painted what
gallery-runs = Your pictures
gallery-time = Time
gallery-perSecond = Per second
gallery-noRuns = Send one, let the pool grow, and send it again: compare the times.
gallery-blur = Blur
gallery-sharpen = Sharpen
gallery-edges = Edges
gallery-grayscale = Grayscale
gallery-sepia = Sepia
gallery-brightness = Brighter
gallery-contrast = Contrast
gallery-rotate = Rotate
gallery-tile = Tile { $n }
gallery-tileWaits = Tile { $n }: waits
gallery-tileRuns = Tile { $n }: { $worker } works on it
gallery-tileDone = Tile { $n }: by { $worker } in { $time }
gallery-tileFailed = Tile { $n } failed: { $error }
gallery-worked = { $count ->
    [one] 1 tile, { $time }
   *[other] { $count } tiles, { $time } each
}
gallery-ready = { $tiles } tiles are ready to send.
gallery-sending = Sending { $tiles } tiles…
gallery-progress = { $done } of { $tiles } tiles are back.
gallery-finished = { $workers ->
    [one] Finished: { $tiles } tiles in { $time } with 1 worker.
   *[other] Finished: { $tiles } tiles in { $time } with { $workers } workers.
}
gallery-failed = { $count ->
    [one] 1 tile failed: { $error }
   *[other] { $count } tiles failed: { $error }
}
gallery-noWorkers = No worker is alive at the moment. The tiles wait in the queue until one starts.
gallery-notAnImage = Your browser cannot read “{ $name }” as a picture. Choose a JPEG, PNG or WebP file.
gallery-tooLarge = “{ $name }” is too large: { $size } MB. The maximum is { $max } MB. Choose a smaller photo.
gallery-noAnswer = The server does not answer. The page keeps trying.
gallery-refused = The server refused the picture: { $message }
gallery-busy = The server is busy. The page sends the picture again in a moment.
gallery-gone = The results are no longer there. Send the picture again.
