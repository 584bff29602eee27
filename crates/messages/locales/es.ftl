### Español. Se trata de usted; un `comando`, no una orden; los nombres de los campos y de los programas no se traducen.

## El cambio que explica un motivo

change = { $moves ->
    [no] { kept }
    [unguarded] { $from } → { $to } workers; el operador no puede saber qué pods están ocupados: solo terminationGracePeriodSeconds protege las tareas en curso
   *[yes] { $from } → { $to } workers
}
kept = { $to ->
    [one] sigue 1 worker
   *[other] siguen { $to } workers
}
later = { $to } → { $recommended } workers a las { TIME($until) }, al acabar el cooldown
enough = { $recommended ->
    [one] basta 1 worker
   *[other] bastan { $recommended } workers
}
recommended = { $recommended ->
    [one] se recomienda 1 worker
   *[other] se recomiendan { $recommended } workers
}
triggered = { $trigger }: { change }

## La regla que decidió

trigger = { found }
    .queue = cola { $queue }: { found }
found = { $rule ->
    [QueueLength] { tasks-wait }, más de { $threshold }
    [Utilization] el { $value } % de los workers está ocupado, más del { $threshold } %
    [Cpu] los workers usan el { $value } % de CPU, más del { $threshold } %
    [TasksPerWorker] { tasks }, objetivo de { $threshold } por worker
    [DrainWithin] { $value ->
        [0] no espera ninguna tarea; las que llegan deben acabarse en { SPAN($threshold) }
        [one] 1 tarea espera y debe acabarse en { SPAN($threshold) }
       *[other] { $value } tareas esperan y deben acabarse en { SPAN($threshold) }
    }
   *[MaxWait] la tarea más antigua espera desde hace { SPAN($value) }, máximo { SPAN($threshold) }
}
tasks = { $value ->
    [one] 1 tarea
   *[other] { $value } tareas
}
tasks-wait = { $value ->
    [one] 1 tarea espera
   *[other] { $value } tareas esperan
}

## Motivos

reason-WithinThresholds = dentro de los umbrales: { change }
reason-QueueTooLong = { triggered }
reason-WorkersBusy = { triggered }
reason-HighCPU = { triggered }
reason-TasksPerWorker = { triggered }
reason-DrainWithin = { triggered }
reason-MaxWait = { triggered }
reason-ScaledFromZero = { $tasks ->
    [one] 1 tarea espera
   *[other] { $tasks } tareas esperan
} y no hay workers: { change }
reason-Idle = inactivo desde hace { SPAN($idle) }: { change }
reason-FewerNeeded = { triggered }
reason-IdleWait = { enough }, pero hace poco había más ocupados: { change } al menos hasta las { TIME($until) }
    .since = inactivo desde las { TIME($since) }: { $to } → { $recommended } workers a las { TIME($until) } si sigue inactivo
reason-NotIdle = { enough } para el objetivo, pero no se cumplen las condiciones de scaleDown: { change }
reason-CoolingDown = { recommended }: { later }
    .trigger = { $trigger }: { later }
reason-Stabilized = { recommended }, pero no durante toda la ventana de estabilización: { change }
    .until = { recommended }, pero no durante toda la ventana de estabilización: { change } hasta las { TIME($until) }
reason-RateLimited = { recommended }, pero behavior permite { $to } por ahora: { change }
    .until = { recommended }, pero behavior permite { $to } por ahora: { change } hasta las { TIME($until) }
reason-AtMax = { $trigger }, pero maxReplicas es { $to }: { change }
reason-Scheduled = el horario { $schedule } exige al menos { $min ->
    [one] 1 worker
   *[other] { $min } workers
} hasta las { TIME($until) }: { change }
reason-TooFewReplicas = menos que minReplicas { $min }: { change }
reason-TooManyReplicas = más que maxReplicas { $max }: { change }
reason-BusyWorkers = { enough }, pero { $busy ->
    [one] 1 está ocupado
   *[other] { $busy } están ocupados
} y un worker ocupado no se detiene: { change }
reason-Unknown = { $cause } (desde las { TIME($since) }): { change } (nunca se reduce sin datos)
reason-Fallback = sin datos desde las { TIME($since) }: { change } (onUnknown)
reason-Pinned = fijado por spec.replicas: { change }
    .until = fijado por spec.replicas hasta las { TIME($until) }: { change }
reason-Suspended = suspendido: { change }, sea cual sea la carga
    .who-until = suspendido { $who } hasta las { TIME($until) }: { change }, sea cual sea la carga
    .who = suspendido { $who }: { change }, sea cual sea la carga
    .until = suspendido hasta las { TIME($until) }: { change }, sea cual sea la carga
who = { "" }
    .by-note = por { $by } ({ $note })
    .by = por { $by }
    .note = ({ $note })
reason-DryRun = simulación, no se escribe nada: { $reason }
reason-TargetChanged = otro cliente escribió { $found }: { change } de nuevo
    .writer = { $writer } cambió { $target } a { $found }: devuelto a { $to }; para elegir usted el número: kubectl workerpool scale { $pool } { $found }
reason-ScalingDown = { change }: { $waiting }
reason-TargetMissing = { $target } no existe en { $namespace }: créelo o corrija spec.scaleTargetRef
    .error = no se puede leer { $target }: { $error }
reason-TargetConflict = otra cosa escala ya { $target }, así que este pool no
    .pool = el WorkerPool { $pool }, más antiguo, escala ya { $target }, así que este pool no: borre uno de los dos
    .autoscaler = el HorizontalPodAutoscaler { $autoscaler } escala ya { $target }, así que este pool no: kubectl delete hpa { $autoscaler }, o borre este pool
reason-WriteFailed = { $reason }; no se pudo escribir: { $error }
reason-InvalidSpec = { $error }

## A qué espera una reducción

waiting-Check = comprobando que los workers que se eliminarán estén inactivos
waiting-PodsTerminating = esperando a que terminen pods
waiting-PodsStarting = esperando a que arranquen pods
waiting-Rollout = esperando a que acabe el despliegue de { $target }
waiting-Tasks = esperando a que termine { $pod }
    .other = esperando a que terminen { $pod } y { $other }
    .more = esperando a que terminen { $pod } y { $more } más
waiting-PodsUnreadable = no se pueden listar los pods: { $error }
waiting-PodsUnmarkable = no se pueden marcar los pods: { $error }

## Por qué faltan datos

cause-NotReadYet = todavía sin leer
cause-Stale = sin lectura desde las { TIME($since) }
cause-RedisDown = Redis en { $address } no responde: { $error }
cause-InvalidAddress = { $address } no es una dirección de Redis válida: { $error }
cause-QueueUnreadable = no se puede leer la clave { $key }: { $error }
cause-SecretMissing = el Secret { $secret } no existe en { $namespace }: créelo o corrija spec.redis.addressFrom
cause-SecretKeyMissing = el Secret { $secret } no tiene texto en la clave { $key }: añádalo o corrija spec.redis.addressFrom
cause-SecretForbidden = el operador no tiene permiso para leer el Secret { $secret } en { $namespace }: instálelo con rbac.secretNamespaces={"{"}{ $namespace }{"}"}
cause-SecretUnreadable = no se puede leer el Secret { $secret }: { $error }
cause-NotRecorded = no se pudo leer { $metrics }
cause-Unexplained = falta un dato que necesita una regla

## Condiciones de un pool cuyo mensaje no es el de la decisión

condition-Scaling = el pool escala su objetivo
condition-ValidMetricFound = las reglas de escalado se evalúan
condition-ReadyForNewScale = el operador puede cambiar la escala del objetivo
condition-ScaleStabilized = el operador puede cambiar la escala del objetivo
condition-DesiredWithinRange = el número de réplicas deseado está dentro de los límites
condition-AllMetricsRead = todos los datos están al día
condition-NoEviction = Redis tiene un maxmemory y rechaza tareas nuevas cuando está lleno
condition-NoMaxMemory = Redis no tiene maxmemory: una cola que crece acaba con él en vez de ser rechazada; póngale tres cuartos del límite de su contenedor
condition-EvictingPolicy = Redis borra claves cuando está lleno, y con ellas tareas: ponga maxmemory-policy en noeviction

## Pasos de una decisión: nombre y detalle

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
name-Queue = cola
step-Queue = { $queue }
name-OutsideChange = encontrado
step-OutsideChange = { $found }, escrito por otro cliente; el nuestro es { $desired }
name-Up = scaleUp.{ field }
step-Up = { $value }{ unit } ≤ { $threshold }{ unit }
    .recommended = { $value }{ unit } > { $threshold }{ unit } → { $recommended }
name-Down = scaleDown.{ field }
step-Down = { $met ->
    [yes] { $value }{ unit } < { $threshold }{ unit }, se cumple
   *[no] { $value }{ unit } ≥ { $threshold }{ unit }, no se cumple
}
name-Target = { field }
step-Target = { $rule ->
    [TasksPerWorker] { $value } ÷ { $threshold }
    [MaxWait] la más antigua { SPAN($value) } de { SPAN($threshold) }
   *[DrainWithin] { $value } esperan, en { SPAN($threshold) }
} → { $recommended }
name-MetricUnavailable = { field }
step-MetricUnavailable = no se sabe
name-MetricUnsupported = { field }
step-MetricUnsupported = este sistema de colas no lo indica
name-IdleTimer = scaleDown.idleFor
step-IdleTimer = inactivo durante { SPAN($idle) } de { SPAN($needed) }
    .recommended = inactivo durante { SPAN($idle) } de { SPAN($needed) } → { $recommended }
name-Pinned = replicas
step-Pinned = { $replicas }
    .until = { $replicas } hasta las { TIME($until) }
name-Fallback = onUnknown.replicas
step-Fallback = al menos { $replicas }
name-Constrained = { $by ->
    [CooldownUp] scaleUp.cooldown
    [CooldownDown] scaleDown.cooldown
    [WindowUp] behavior.scaleUp.stabilizationWindowSeconds
    [WindowDown] behavior.scaleDown.stabilizationWindowSeconds
    [Policy] políticas de behavior
    [Dampening] cooldown entre cambios pequeños
    [RecentlyBusy] ocupados hace poco
    [Min] minReplicas
    [Schedule] horario
    [Max] maxReplicas
    [Busy] workers ocupados
   *[Unknown] datos desconocidos
}
step-Constrained = { $from } → { $to }
    .until = { $from } → { $to } hasta las { TIME($until) }
name-Field = { $field }
step-Field = { $value }
name-NotWritten = dryRun
step-NotWritten = { $replicas }, sin escribir

## Las tablas de una simulación

sim-queue = COLA
sim-workers = WORKERS
sim-decision = DECISIÓN
sim-why = POR QUÉ
sim-no-change = el número de workers no cambia nunca
sim-changes = cambios
sim-most-workers = máximo de workers
sim-tasks = tareas
sim-wait-p50 = la mitad esperó como mucho
sim-wait-p99 = el 99 % esperó como mucho
sim-wait-max = la espera más larga
sim-late = tarde
sim-worker-hours = horas de worker
sim-busy-hours = × horas ocupadas
sim-more = … y { $changes } más

## Un motivo como etiqueta

label-WithinThresholds = dentro de umbrales
label-QueueTooLong = cola larga
label-WorkersBusy = workers ocupados
label-HighCPU = CPU alta
label-TasksPerWorker = tareas por worker
label-DrainWithin = vaciar a tiempo
label-MaxWait = espera larga
label-ScaledFromZero = escalado desde cero
label-FewerNeeded = bastan menos
label-NotIdle = no inactivo
label-Stabilized = estabilizando
label-RateLimited = ritmo limitado
label-Scheduled = programado
label-Idle = inactivo
label-ScalingDown = reduciendo
label-IdleWait = inactivo, esperando
label-CoolingDown = en cooldown
label-AtMax = en el máximo
label-TooFewReplicas = bajo el mínimo
label-TooManyReplicas = sobre el máximo
label-BusyWorkers = se conservan los ocupados
label-Unknown = sin datos
label-Fallback = réplicas de reserva
label-Pinned = fijado
label-Suspended = suspendido
label-DryRun = simulación
label-TargetChanged = objetivo cambiado
label-TargetMissing = falta el objetivo
label-TargetConflict = objetivo en conflicto
label-WriteFailed = escritura fallida
label-InvalidSpec = spec no válida

## El dashboard

page-pools = Todos los pools
page-poolCount = pools
page-problems = con problemas
page-atLimit = en un límite
page-healthy = bien
page-filter = Filtrar
page-filterHint = nombre, motivo, !no
page-noMatch = Ningún pool coincide con el filtro.
page-noPools = Todavía no hay ningún WorkerPool. Cree uno con:
page-loading = Esperando al operador…
page-notFound = Este WorkerPool no existe o se ha borrado.
page-live = en vivo
page-connecting = conectando
page-broken = Sin conexión con el operador desde hace
page-lastData = Últimos datos recibidos a las
page-reconnecting = Se reconecta automáticamente.
page-pool = Pool
page-queueHistory = Cola, últimos 10 min
page-queue = Cola
page-wait = Espera máx.
page-busy = Ocupados
page-workers = Workers
page-why = Por qué
page-queueLength = Longitud de la cola
page-activeWorkers = Workers activos
page-busyWorkers = Workers ocupados
page-avgTime = Tiempo medio
page-success = Tasa de éxito
page-cpu = Uso de CPU
page-recommendation = Recomendación
page-target = Workers objetivo
page-eta = ETA, cola vacía
page-up = SUBIR
page-down = BAJAR
page-hold = MANTENER
page-idleWorkers = libres
page-desired = deseados
page-waiting = en espera
page-unknown = desconocido
page-noMetrics = sin datos
page-threshold = umbral
page-decision = decisión
page-noWorkers = sin workers
page-cooldownUp = cooldown ↑
page-cooldownDown = cooldown ↓
page-idle = inactivo
page-nextChanges = Próximos cambios
page-nextUp = Subir
page-nextDown = Bajar
page-nowPossible = posible ya, si se supera un umbral
page-atMaximum = ya en el máximo
page-atMinimum = ya en el mínimo
page-atOnce = de inmediato
page-ifConditionsHold = si las condiciones se mantienen
page-needsMetrics = no sin datos
page-rulesInactive = las reglas no se aplican
page-explanation = Cómo se decidió
page-history = Historial
page-noHistory = Aún no hay cambios de réplicas.
page-lastChange = Último cambio
page-scaleLatency = latencia de escalado
page-writing = escribiéndose
page-metricsAvailable = de los datos disponibles
page-read = leído
page-freeze = Congelar
page-follow = Seguir
page-frozen = Congelado a las
page-range = Intervalo de tiempo
page-theme = Claro u oscuro
page-help = Teclas
page-chart = Gráfico de cola, espera y workers. Las flechas izquierda y derecha se mueven en el tiempo.
page-readonly = Solo lectura. Lo mismo desde la terminal:
page-keyFilter = filtrar
page-keyMove = fila siguiente y anterior
page-keyBack = volver, borrar
page-keyTime = moverse en el tiempo
page-keySpace = congelar y seguir
page-keyRange = mostrar menos o más tiempo
page-keyLang = idioma
page-keyTheme = claro, oscuro
page-close = Cerrar
page-whatIf = ¿Y si…?
page-whatIfNote = Evalúa de nuevo los datos de la última hora con otras reglas. La cola no reacciona a workers que no existían. También puede arrastrar un umbral en el gráfico.
page-whatIfUnsupported = Estas reglas necesitan contadores que no se guardan de la última hora. Use: kubectl workerpool simulate
page-queueUp = Subir: cola mayor que
page-busyUp = Subir: ocupados más del
page-upStep = Subir: paso
page-upCooldown = Subir: cooldown
page-queueDown = Bajar: cola menor que
page-busyDown = Bajar: ocupados menos del
page-downStep = Bajar: paso
page-downCooldown = Bajar: cooldown
page-downIdleFor = Bajar: inactivo durante
page-minWorkers = Mínimo de workers
page-maxWorkers = Máximo de workers
page-simulated = Simulado
page-changes = cambios
page-workerHours = horas de worker
page-actual = real
page-peak = máximo
page-max = máx.
page-moveSlider = Mueva un control para ver el YAML.
page-copy = Copiar
page-copied = Copiado
page-reset = Restablecer
page-pod = Pod
page-state = Estado
page-since = Desde hace
page-heldTasks = Trabaja en
page-removalOrder = Orden de eliminación
page-beingRemoved = se está eliminando
page-timedOut = se conserva, ocupado demasiado tiempo
page-removedNext = el siguiente en eliminarse
page-isBusy = ocupado
page-isIdle = libre
page-draining = drenando
page-stalled = parado: vivo, pero no toma tareas
page-terminating = el pod se está cerrando
page-podless = registrado, pero sin pod
page-unregistered = pod sin registrar
page-workersUnsupported = Este sistema de colas no informa de sus workers: no se sabe cuáles están ocupados ni cuáles se eliminarán.
page-waitingForPoll = Esperando la próxima lectura del operador…
page-noneRegistered = Ningún worker está registrado.
page-notSelectable = El operador no elige qué pods de este objetivo se eliminan.
page-whyNot = ¿Por qué no otro número de workers?
page-whyNotUnknown = No se sabe: la spec no es válida, o faltan el objetivo o sus datos.
page-byHand = A mano
page-in = en { $span }
page-ifMore = { $tasks ->
    [one] si hay 1 tarea más en espera
   *[other] si hay { $tasks } tareas más en espera
}
page-ifFewer = { $tasks ->
    [one] si hay 1 tarea menos en espera
   *[other] si hay { $tasks } tareas menos en espera
}
page-tasksMore = { $tasks ->
    [one] 1 tarea más
   *[other] { $tasks } tareas más
}
page-tasksFewer = { $tasks ->
    [one] 1 tarea menos
   *[other] { $tasks } tareas menos
}
page-tasks = { $tasks ->
    [one] 1 tarea
   *[other] { $tasks } tareas
}
page-idleFor = inactivo desde hace { $idle }
    .needed = inactivo desde hace { $idle } de { $needed }
page-cooldownEndsIn = el cooldown acaba en { $span }
page-notIdle = no está inactivo: debe estarlo durante { $span }
page-afterPush = { $millis } ms tras el aviso de Redis
page-unavailable = no se pudo leer: { $cause }
page-podsWithoutWorker = { $pods ->
    [one] 1 pod sin worker registrado
   *[other] { $pods } pods sin worker registrado
}
page-workersWithoutPod = { $workers ->
    [one] 1 worker registrado sin pod
   *[other] { $workers } workers registrados sin pod
}
page-moreWorkers = … { $workers } más
page-registered = Workers: { $workers } registrados, pods { $pods }
page-whyNotBefore = ¿Por qué no
page-whyNotAfter = workers?
page-isDecided = { $workers }: es lo que deciden las reglas ahora.
page-because = { $decided ->
    [one] 1 worker
   *[other] { $decided } workers
}, y no { $workers }, porque
page-toHaveNow = Para tener { $workers } ya
page-toHaveSoon = Para tener { $workers } pronto
page-and = y
page-nothingUntil = nada, si las condiciones se mantienen hasta las { TIME($at) }
page-ifSoUntil = { $tasks }, si las condiciones se mantienen hasta las { TIME($at) }
page-ago = hace { $span }
page-ordinal = { $n }.º
