### Español. Se trata de usted; un `comando`, no una orden; los nombres de los campos y de los programas no se traducen.

## El cambio que explica un motivo

change = { $moves ->
    [no] { kept }
    [unguarded] { $from } → { $to } workers; no se sabe qué pods están ocupados: solo terminationGracePeriodSeconds protege las tareas en curso
    [refused] { $from } → { $to } workers; no se sabe qué pods están ocupados sin CLIENT LIST ({ $refused }): solo terminationGracePeriodSeconds protege las tareas en curso
    [unmatched] { $from } → { $to } workers; no se sabe qué pods están ocupados, pues Redis no tiene conexión desde la dirección de { $unmatched } (¿un proxy o NAT?): solo terminationGracePeriodSeconds protege las tareas en curso
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
reason-TooFewToStart = { $tasks ->
    [one] 1 tarea espera
   *[other] { $tasks } tareas esperan
} y el primer worker arranca con más de { $threshold } (scaleFromZero): { change }
reason-QueuePaused = la cola está en pausa y { $tasks ->
    [one] su tarea en espera no necesita
   *[other] sus { $tasks } tareas en espera no necesitan
} workers: { change }
reason-Idle = inactivo desde hace { SPAN($idle) }: { change }
reason-FewerNeeded = { triggered }
reason-IdleWait = { enough }, pero hace poco había más ocupados: { change } al menos hasta las { TIME($until) }
    .since = inactivo desde las { TIME($since) }: { $to } → { $recommended } workers a las { TIME($until) } si sigue inactivo
reason-NotIdle = { enough } para el objetivo, pero no se cumplen las condiciones de scaleDown: { change }
reason-QueueNotEmpty = { enough } para el objetivo, pero nada indica qué workers están ocupados: { change } hasta que la cola lleve vacía { SPAN($idleFor) }
reason-CoolingDown = { recommended }: { later }
    .trigger = { $trigger }: { later }
reason-Stabilized = { recommended }, pero no durante toda la ventana de estabilización: { change }
    .until = { recommended }, pero no durante toda la ventana de estabilización: { change } hasta las { TIME($until) }
reason-RateLimited = { recommended }, pero behavior permite { $to } por ahora: { change }
    .until = { recommended }, pero behavior permite { $to } por ahora: { change } hasta las { TIME($until) }
reason-ScaleThrottled = { $reason } a las { TIME($until) }: este namespace cambia a menudo
reason-AtMax = { $trigger }, pero maxReplicas es { $to }: { change }
reason-AtQueueLimit = { $trigger }, pero la cola deja ejecutar { $limit ->
    [one] 1 tarea
   *[other] { $limit } tareas
} a la vez: { change }
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
    .writer = { $writer } cambió { $target } a { $found }: devuelto a { $to }; para fijarlo: kubectl workerpool scale { $pool } { $found }
reason-TargetContested = { $writer } cambia { $target } a { $found } una y otra vez: se devuelve a las { TIME($until) }; quite replicas de lo que escribe { $writer }
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
waiting-Polling = esperando a que termine { $pod }; con LPOP nunca se ve inactivo: use BLPOP
waiting-Unregistered = esperando: ningún worker se registró para { $pods }, y un worker que tiene una tarea no nombra ningún pod del objetivo; defina POD_NAME a partir de metadata.name
    .more = esperando: ningún worker se registró para { $pods } y { $more } pods más, y un worker que tiene una tarea no nombra ningún pod del objetivo; defina POD_NAME a partir de metadata.name
waiting-Registrations = esperando: puede haber un worker sin registrar ocupado en { $pods }
    .more = esperando: puede haber un worker sin registrar ocupado en { $pods } o en uno de { $more } pods más
waiting-PodsHidden = esperando: { $target } cuenta { $counted } pods y solo { $found } de los listados son suyos
waiting-DrainRefused = esperando a que ningún worker tenga una tarea, porque Redis no permite drenarlos: { $error }
waiting-PodsUnreadable = no se pueden listar los pods: { $error }
waiting-PodsUnmarkable = no se pueden marcar los pods: { $error }

## Por qué faltan datos

cause-NotReadYet = todavía sin leer
cause-Stale = sin lectura desde las { TIME($since) }
cause-RedisDown = Redis en { $address } no responde: { $error }
cause-AddressNotAllowed = los pools de { $namespace } no pueden conectarse a { $host }: indique un Service de { $namespace } o pida que se permita con allowAddresses={"{"}{ $namespace }={ $host }{"}"}
cause-AddressForbidden = ningún pool puede conectarse a { $host }
cause-InvalidAddress = spec.redis.address { $problem }
cause-ReferenceInvalid = el { $object }, clave { $key }, { $problem }
cause-ReferenceRefused = el { $object }, clave { $key }, no sirve para Redis en { $address }: { $error }
problem-NoScheme = no contiene una dirección redis:// o rediss://
problem-Unencoded = tiene #, / o ? en la contraseña: escriba %23, %2F o %3F en su lugar
problem-ControlCharacter = tiene un carácter de control en el usuario o la contraseña
problem-Host = no nombra un host válido
problem-Port = no tiene un puerto válido
problem-Database = tiene una ruta que no es un número de base de datos
problem-Empty = está vacía o no es texto
problem-NoCertificate = no contiene un certificado PEM válido
problem-NoPrivateKey = no contiene una clave privada PEM válida
problem-OtherPrivateKey = es la clave privada de otro certificado
cause-QueueUnreadable = no se puede leer la clave { $key }: { $error }
cause-ReferenceMissing = el { $object } no existe en { $namespace }: créelo o corrija spec.redis
cause-ReferenceKeyMissing = el { $object } no tiene la clave { $key }: añádala o corrija spec.redis
cause-ReferenceForbidden = el operador no tiene permiso para leer el { $object } en { $namespace }: instálelo con rbac.secrets={"{"}{ $namespace }/{ $name }{"}"}
cause-ReferenceUnreadable = no se puede leer el { $object }: { $error }
cause-NotRecorded = no se pudo leer { $metrics }
cause-Unexplained = falta un dato que necesita una regla

## Condiciones de un pool cuyo mensaje no es el de la decisión

condition-Scaling = el pool escala su objetivo
condition-ValidMetricFound = las reglas de escalado se evalúan
condition-ReadyForNewScale = el operador puede cambiar la escala del objetivo
condition-ScaleStabilized = el operador puede cambiar la escala del objetivo
condition-DesiredWithinRange = el número de réplicas deseado está dentro de los límites
condition-AllMetricsRead = todos los datos están al día
condition-CredentialsCurrent = el operador usa lo que spec.redis nombra tal como está ahora
condition-NoEviction = Redis tiene un maxmemory y rechaza tareas nuevas cuando está lleno
condition-NoMaxMemory = Redis no tiene maxmemory: una cola que crece acaba con él en vez de ser rechazada; póngale tres cuartos del límite de su contenedor
condition-EvictingPolicy = Redis borra claves cuando está lleno, y con ellas tareas: ponga maxmemory-policy en noeviction
condition-FetchedAhead = los workers han recogido tareas por adelantado, que ningún worker nuevo puede tomar: ponga worker_prefetch_multiplier = 1 y task_acks_late = True, o arranque los workers con --disable-prefetch
condition-NotFetchedAhead = ningún worker recoge tareas por adelantado
condition-GraceSufficient = terminationGracePeriodSeconds de los pods alcanza para las tareas que se han visto
condition-HandlerNeeded = el fin de un pod interrumpe sus trabajos de { $system } salvo que el programa de los workers tenga esta línea: { $line }
condition-GraceTooShort = terminationGracePeriodSeconds de los pods es { $grace } y se necesitan { $needed }: el fin de un pod interrumpe sus tareas. { $fix }
condition-KeysTracked = Redis avisa al operador de los cambios
condition-IntervalRaised = el minInterval del operador es mayor que spec.interval: las colas se leen solo con la frecuencia que permite el administrador
condition-HelloRefused = Redis rechaza HELLO y por eso no puede avisar: las colas se leen en cada intervalo. Permita HELLO al usuario o use Redis 6 o posterior
condition-TrackingRefused = Redis no sigue las claves: las colas se leen en cada intervalo. Permita al usuario client|tracking, client|caching y las lecturas de la cola

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
name-Paused = cola en pausa
step-Paused = { $tasks ->
    [one] 1 tarea en espera no cuenta
   *[other] { $tasks } tareas en espera no cuentan
}
name-Held = recogidas antes
step-Held = { $tasks } fuera de alcance: worker_prefetch_multiplier=1, task_acks_late=True
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
    [QueueLimit] el límite de la cola
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
label-TooFewToStart = pocas para arrancar
label-QueuePaused = cola en pausa
label-FewerNeeded = bastan menos
label-NotIdle = no inactivo
label-QueueNotEmpty = cola no vacía
label-Stabilized = estabilizando
label-RateLimited = ritmo limitado
label-AtQueueLimit = límite de la cola
label-Scheduled = programado
label-Idle = inactivo
label-ScalingDown = reduciendo
label-IdleWait = inactivo, esperando
label-CoolingDown = en cooldown
label-ScaleThrottled = frenado
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
label-TargetContested = objetivo disputado
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
page-others = Retenidas · próximas · aplazadas · en pausa
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
page-noHistory = Aún no hay cambios.
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
page-chart = Gráfico de cola, espera y workers. Flechas izquierda y derecha: moverse en el tiempo.
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
page-whatIfNote = Evalúa los datos de la última hora con otras reglas. La cola no reacciona a workers que no existían. También puede arrastrar un umbral en el gráfico.
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
page-fromZero = Desde cero: cola mayor que
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
page-waitingForPoll = Esperando la próxima lectura…
page-noneRegistered = Ningún worker registrado.
page-notSelectable = No se elige qué pods de este objetivo se eliminan.
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

## kubectl workerpool

cli-local-only-options = --redis y --pool-file solo funcionan con --local
cli-local-server = del clúster local
cli-local-port-taken = {" "}(el 8000 está ocupado)
cli-local-started =
    Se ha iniciado un clúster local: Redis en { $redis }, dashboard en http://127.0.0.1:{ $dashboard }{ $port_note }. Se detiene tras 2 h sin comandos, o con `kubectl workerpool stop --local`.
    kubectl también llega a él: export KUBECONFIG={ $kubeconfig }
cli-local-only-command = `{ $name }` solo funciona con --local
cli-local-stopped = El clúster local se ha detenido.
cli-local-none = No hay ningún clúster local.
cli-local-gallery = La galería está en http://{ $listen } y su API bajo /api, hasta Ctrl-C.
cli-local-server-failed = el servidor HTTP no arranca
cli-capacity-or-smaller = o workers más pequeños
cli-capacity-enough = { $missing ->
    [one] cabe 1 worker más
   *[other] caben { $missing } workers más
}, hasta maxReplicas
cli-capacity-too-small = { $most ->
    [one] en los nodos cabe 1 worker
   *[other] en los nodos caben { $most } workers
}, pero maxReplicas es { $max }
cli-clock-api-server = el servidor API
cli-clock-agree = { $names } y esta máquina coinciden
cli-clock-ahead = el reloj de { $name } va { $seconds } s por delante del de esta máquina
cli-clock-behind = el reloj de { $name } va { $seconds } s por detrás del de esta máquina
cli-clock-fix = sudo timedatectl set-ntp true   (Docker Desktop: reinícielo)
cli-cluster-error = { $head }, pero { $error }
cli-cluster-permitted = { $head }, tiene los permisos
cli-cluster-forbidden = { $head }, pero en el namespace { $namespace } no tiene permiso para: { $missing }
cli-cluster-role-binding = kubectl -n { $namespace } create rolebinding workerpool-users --clusterrole=edit { $subject }   (requiere un administrador)
cli-operator-image = Deployment { $name } del namespace { $namespace }: { $text }
cli-operator-ready = { $name } { $version } en el namespace { $namespace }, listo
cli-operator-not-visible = no está en un namespace que usted pueda leer; las condiciones del pool, más abajo, muestran si responde
cli-operator-not-installed = no está instalado: su Deployment no existe en ningún namespace
cli-operator-scaled-to-zero = el Deployment { $name } del namespace { $namespace } está escalado a 0
cli-operator-no-ready-pod = el Deployment { $name } del namespace { $namespace } no tiene ningún pod listo{ $reason }
cli-definition-missing = { $name } no está instalado
cli-definition-version-missing = { $name } está instalado, pero no en la versión { $version }
cli-definition-same = { $name } { $version }, la misma que este programa
cli-definition-differs = { $name } { $version } no es la versión de este programa, { $program }
cli-definition-lacks = a { $name } { $version } le faltan campos de este programa, { $program }: { $fields }
cli-api-served = { $name } { $version } se sirve
cli-admission-missing = faltan las políticas de admisión { $missing }: nada impide que el operador cambie los pods, ni que los autores de los pools vayan más allá de sus permisos
cli-api-not-served = { $group_version } no se sirve
cli-context-unknown = el kubeconfig no tiene el contexto { $chosen }; tiene: { $all }
cli-context-none = el kubeconfig no tiene contexto actual; tiene: { $all }
cli-context-no-file = todavía no hay clúster: no existe { $file }
cli-context-no-cluster = todavía no hay clúster
cli-context-fix = { $everything }   (sin Kubernetes: kubectl workerpool demo --local)
cli-context-other-cluster = { $context } no tiene WorkerPools; { $kind_context }, que su kubeconfig también nombra, es el clúster de la demo
cli-docker-silent = no responde: { $error }
cli-docker-without = sin Docker: kubectl workerpool demo --local
cli-docker-group-fix = sudo usermod -aG docker "$USER"   (y vuelva a iniciar sesión; { $without })
cli-docker-install-fix = sudo apt-get install docker.io   (macOS, Windows: instale Docker Desktop; { $without })
cli-docker-start-fix = sudo systemctl start docker   (macOS, Windows: inicie Docker Desktop; { $without })
cli-dashboard-silent = ningún dashboard responde en el puerto { $port }
cli-port-process = {" "}por { $name } (pid { $pid })
cli-dashboard-other-port = , porque el 8000 está ocupado{ $who }
cli-dashboard-address = dashboard en http://127.0.0.1:{ $port }{ $note }
cli-image-not-pulled = no se puede descargar la imagen { $image } ({ $reason }{ $cause })
cli-image-load-fix = { $correct }   (o cárguela: { $load })
cli-image-push-fix = { $correct }   (o suba { $image } a un registro al que lleguen los nodos)
cli-check-server-timeout = el servidor API { $server } no responde en { $seconds } s
cli-check-timeout = no respondió a tiempo
cli-pool-other-namespace = el namespace { $namespace } no tiene WorkerPools; el namespace { $other } tiene { $name }
cli-pool-none = todavía no hay ningún WorkerPool, en ningún namespace
cli-target-ready = { $kind } { $name }: { $ready } de { $desired } { $desired ->
    [one] pod listo
   *[other] pods listos
}
cli-pool-unobserved = { $name }: ningún operador ha observado la última spec
cli-pool-condition = { $name }: { $condition } es { $status }: { $message }
cli-ports-free = los puertos 8000 y 8001 están libres
cli-port-container = {" "}por el contenedor { $name }
cli-port-container-fix = { $change }   (o libérelo: docker stop { $name })
cli-port-process-fix = { $change }   (o libérelo: kill { $pid })
cli-port-taken = el puerto { $port } está ocupado{ $who }: un clúster de kind no puede arrancar con él
cli-proxy-catches = { $name } también incluye { $hosts }, donde no hace falta proxy
cli-proxy-used = se llega al servidor API por { $name } ({ $source })
cli-redis-version-hidden = { $name }, { $millis } ms (su versión está oculta: rechaza INFO)
cli-redis-notifies = { $name }, avisa de los cambios
cli-redis-polled = { $name }, pero sin avisos (CLIENT TRACKING): el operador ve las tareas nuevas solo cada { $interval }
cli-redis-queues-unreadable = responde, pero no se pueden leer las colas: { $error }
cli-redis-replica-of = { $name } es una réplica de { $primary }, que tiene las colas
cli-redis-replica = { $name } es una réplica: las colas están en su primario
cli-redis-is-sentinel = { $name } es un Sentinel y no tiene colas
cli-redis-rights = { $name }: para leer las colas, al usuario le falta el derecho a { $commands }
cli-redis-keys-refused = { $name }: al usuario le falta el derecho a las claves de las colas
cli-redis-rights-scale-down = { $name }: para reducir sin interrumpir ninguna tarea, al usuario le falta el derecho a { $commands }
cli-check-queue = { $name }, { $ready } en espera
cli-redis-keep-setting = # y añada lo mismo a sus argumentos o a su redis.conf, para que se conserve tras un reinicio
cli-redis-no-maxmemory = maxmemory es 0: Redis crece hasta que el nodo lo mata con todas sus tareas, y push.lua no puede rechazar más
cli-redis-evicts = maxmemory-policy es { $policy }: con la memoria llena, Redis borra tareas, resultados y leases
cli-redis-then-address = luego corrija spec.redis
cli-redis-pod-not-ready = el pod { $pod_name } no está listo ({ $reason })
cli-redis-scaled-to-zero = { $workload } está escalado a 0
cli-replicas-helm-release = el release { $release } de helm
cli-replicas-also-set = { $who } también fija las réplicas de { $kind } { $name }: cada vez anula el número del operador
cli-replicas-then-apply = después quite `replicas` del manifiesto y aplíquelo como antes
cli-replicas-chart-note = en cada actualización; el chart lo llama `replicaCount`. Si el chart es suyo: docs/troubleshooting.md
cli-setup-demo = make demo   (en un clon del repositorio; con el kit de clase: ./class up)
cli-grace = terminationGracePeriodSeconds es { $grace }{ $longest }
cli-grace-longest = , la tarea más larga que se ha visto duró { $span }
cli-grace-handler = { $grace }; con SIGTERM, { $system } solo termina un trabajo si el programa tiene: { $line }
cli-grace-short = { $grace }: el fin de un pod interrumpe tareas
cli-workers-unreported = Redis no indica qué workers están registrados
cli-workers-stalled = { $stalled } tiene latido pero no toma tareas, aunque haya tareas en espera
cli-workers-elsewhere = ; { $n ->
    [one] 1 worker más funciona
   *[other] { $n } workers más funcionan
} en otro lugar
cli-workers-heartbeats = { $count } de { $count } { $count ->
    [one] pod tiene
   *[other] pods tienen
} latido{ $more }
cli-workers-unregistered = { $n ->
    [one] 1 de { $count } pods nunca se registró
   *[other] { $n } de { $count } pods nunca se registraron
}: { $all }
cli-workers-other-queue = { $text }; trabajan en la cola { $queue }, pero el pool lee { $pool_queues }
cli-dashboard-operator = el dashboard del operador
cli-dashboard-forwarding = El dashboard del pod { $pod }, hasta Ctrl-C. Se reconecta cuando se reinician el pod o el servidor API.
cli-dashboard-connected = conectado con el pod { $pod }
cli-dashboard-retrying = { $error }; reintentando …
cli-demo-pinned = El WorkerPool { $name } está fijado en { $pin ->
    [one] 1 worker
   *[other] { $pin } workers
} y no escalaría; primero: kubectl workerpool scale { $name } auto
cli-demo-replay = Una grabación, decidida de nuevo por las reglas de { $name }: sin clúster ni Redis.
cli-demo-operator-says = {" "}El operador: { $message }.
cli-demo-before-burst = Antes de la ráfaga se espera a que { $condition }.{ $message }
cli-demo-timeout = La demo no terminó en { $limit }: todavía se espera a que { $condition }.
cli-demo-trace-ended = La grabación acaba antes que la demo: todavía se espera a que { $condition }.
cli-demo-time = {" "}en { $time } s
cli-demo-failed = {" "}({ $failed ->
    [one] 1 fallida
   *[other] { $failed } fallidas
} en esta cola hasta ahora)
cli-demo-summary = { $name }: { $path } workers; { $tasks ->
    [one] { $done } de 1 tarea hecha
   *[other] { $done } de { $tasks } tareas hechas
}{ $time }{ $failed }
cli-demo-within-second = en menos de un segundo
cli-demo-millis-after-push = { $millis } ms tras el envío
cli-demo-seconds-after-push = { $whole },{ $tenth } s tras el envío
cli-demo-until-redis = Redis responda{ $error }
cli-demo-until-registered = { $idle ->
    [one] haya exactamente 1 worker registrado
   *[other] haya exactamente { $idle } workers registrados
} (ahora { $live })
cli-demo-until-idle = el pool vuelva a tener { $idle ->
    [one] 1 worker
   *[other] { $idle } workers
} (ahora { $now })
cli-demo-until-target = exista el objetivo del WorkerPool
cli-demo-until-empty = la cola esté vacía ({ $ready } en espera, { $running } en marcha)
cli-demo-idle = { $live ->
    [one] 1 worker está libre
   *[other] { $live } workers están libres
}. Mire la columna Queue.
cli-explain-undecided = { $name }: ningún operador ha decidido aún; `kubectl workerpool check { $name }` busca la causa
cli-explain-unobserved = La spec ha cambiado desde entonces y ningún operador la ha observado: kubectl workerpool check { $name }
cli-explain-metrics = datos
cli-explain-last-change = último cambio
cli-explain-change-ago = { $change }, hace { $ago }
cli-explain-empty-in = vacía en
cli-explain-none = ninguno
cli-explain-at-max = maxReplicas es { $max }
cli-explain-at-min = minReplicas es { $min }
cli-explain-next-up = próxima subida
cli-explain-next-down = próxima bajada
cli-explain-suspended = { $message }. { $reason }, hace { $ago }.
cli-metrics-waiting = { $n } en espera
cli-metrics-held = { $n } reservadas por adelantado
cli-metrics-delayed = { $n } aplazadas
cli-metrics-busy = { $busy } de { $live } { $live ->
    [one] worker ocupado
   *[other] workers ocupados
}
cli-metrics-task-takes = una tarea tarda { $span }
cli-metrics-oldest = la más antigua espera desde hace { $waited }
cli-metrics-unavailable = desconocido: { $reason }
cli-explain-if-unchanged = si sigue como está
cli-explain-if-more = { $n ->
    [one] si espera 1 tarea más
   *[other] si esperan { $n } tareas más
}
cli-explain-if-fewer = { $n ->
    [one] si hay 1 tarea menos
   *[other] si hay { $n } tareas menos
} desde ahora
cli-explain-earliest = dentro de { $span } como pronto{ $clock }
cli-explain-at-once = { page-atOnce }
cli-explain-drain-with = { $span } con { $workers }
cli-explain-drain = unos { $now } { $live ->
    [one] worker
   *[other] workers
} · { $one_more } · { $two_more }
cli-failed-unchanged = No se ha cambiado nada.
cli-failed-deleted = { $name }: { $done ->
    [one] 1 tarea fallida borrada
   *[other] { $done } tareas fallidas borradas
}
cli-failed-returned = { $name }: { $done ->
    [one] 1 tarea fallida espera
   *[other] { $done } tareas fallidas esperan
} de nuevo
cli-failed-missing = { $missing ->
    [one] 1 no estaba
   *[other] { $missing } no estaban
} en la lista de fallidas; `kubectl workerpool failed` la muestra
cli-failed-ask-delete = ¿Borrar { $tasks ->
    [one] 1 tarea fallida
   *[other] { $tasks } tareas fallidas
} de { $name }, para siempre?
cli-failed-ask-return = ¿Devolver { $tasks ->
    [one] 1 tarea fallida
   *[other] { $tasks } tareas fallidas
} de { $name } a la cola?
cli-failed-no-terminal = { $question } No hay ningún terminal en el que responder: añada --yes
cli-failed-keys = s: sí · otra cosa: no
cli-failed-none = { $name }: ninguna tarea fallida
cli-failed-head-at = FALLÓ
cli-failed-head-attempts = VECES
cli-failed-head-worker = WORKER
cli-failed-head-task = TAREA
cli-failed-head-error = ERROR
cli-failed-shown = { $shown } de { $total }, la más nueva al final; con --limit { $total }, todas.
cli-failed-next = Otra vez: kubectl workerpool failed { $name } --retry [--id TAREA …]; borrar: --clear
cli-failed-dropped = { $trimmed ->
    [one] Se descartó 1 más antigua
   *[other] Se descartaron { $trimmed } más antiguas
}: la lista guarda las 10 000 últimas, de 16 MiB como mucho.
cli-fast-unchanged = --fast: tareas de { $seconds } s. Los plazos de { $name } no cambian; solo --local los acorta.
cli-fast-quarter = --fast: tareas de { $seconds } s y, hasta que acabe la demo, un cuarto de los plazos de { $name }.
cli-history-none = El número de workers todavía no ha cambiado. Para ver por qué: kubectl workerpool explain
cli-history-latency = { $message }, { page-afterPush }
cli-history-at = { $name } a las { $clock }: { $to }, desde hacía { $span }
cli-history-before = { $name } a las { $clock }: { $from }; el historial empieza después
cli-history-never-changed = { $name } a las { $clock }: no se sabe, el número de workers no ha cambiado nunca
cli-history-metrics = datos
cli-history-why = por qué
cli-history-then = después
cli-history-not-a-time = `{ $text }` no es una hora: use 14:03 o 2026-11-27T14:03:00Z
cli-metrics-queue = { $queue } { $queue ->
    [one] tarea
   *[other] tareas
}
cli-metrics-others = retenidas { $held } · próximas { $due } · aplazadas { $delayed } · colas en pausa { $paused }
cli-metrics-nothing-known = ? (no se sabe nada)
cli-metrics-up = { page-up }
cli-metrics-down = { page-down }
cli-metrics-stay = { page-hold }
cli-metrics-target-unknown = ? es desconocido: { $reason }
cli-metrics-by-rules = ; solo según las reglas, porque ningún operador ha decidido aún
cli-metrics-minutes = { $minutes } { $minutes ->
    [one] minuto
   *[other] minutos
}
cli-metrics-queue-length = { page-queueLength }
cli-metrics-active-workers = { page-activeWorkers }
cli-metrics-busy-workers = { page-busyWorkers }
cli-metrics-average-time = { page-avgTime }
cli-metrics-success-rate = { page-success }
cli-metrics-cpu = { page-cpu }
cli-metrics-oldest-wait = { page-wait }
cli-metrics-recommendation = { page-recommendation }
cli-metrics-target-workers = { page-target }
cli-metrics-eta = ETA
cli-narration-none-waits = Ya no espera ninguna tarea; { $running ->
    [one] queda
   *[other] quedan
} { $running } en marcha.
cli-narration-faster = Con más workers la cola se acorta más deprisa.
cli-narration-steps = Los workers nuevos ya toman tareas. ¿Por qué no { $max } de una vez? Un paso añade { $step }, y el cooldown antes del siguiente es de { $cooldown }.
cli-narration-lost = La cola está vacía, pero solo { $done } de { $tasks } tareas están hechas: Redis ha perdido las demás.
cli-narration-all-done = { $tasks ->
    [one] La tarea está hecha.
   *[other] Las { $tasks } tareas están hechas.
} Tras { $idle } de inactividad el pool se reduce, de { $step } en { $step }, cada { $cooldown }. Solo se eliminan workers libres.
cli-narrator-other-client = no fue el operador: otro cliente fijó las réplicas
cli-narrator-stuck = Las reglas exigen { $desired ->
    [one] 1 worker
   *[other] { $desired } workers
}, pero las réplicas no han cambiado en 5 s. El último mensaje del operador: { $message }. `kubectl workerpool check` busca la causa
cli-narrator-no-operator = Ningún operador responde: las reglas exigen { $desired ->
    [one] 1 worker
   *[other] { $desired } workers
}, pero las réplicas no cambian. `kubectl workerpool check` busca la causa; a mano: `kubectl workerpool scale { $desired }`
cli-narrator-unobserved = Ningún operador responde: no se ha observado la última spec de este WorkerPool. `kubectl workerpool check` busca la causa
cli-pause-until-time = El pool sigue en pausa hasta las { $end }, o hasta { $resume }
cli-pause-until-resumed = El pool sigue en pausa hasta { $resume }
cli-rules-decide-again = Las reglas deciden de nuevo.
cli-pause-unanswered = { $name }: guardado, pero { $why }; `kubectl workerpool check` busca la causa
cli-unanswered = ningún operador respondió en { $seconds } s
cli-unanswered-late = el operador { $operator } no respondió en { $seconds } s
cli-waiting-late = el operador { $operator } está listo, pero aún no responde; se espera hasta { $seconds } s
cli-scale-answered = El operador respondió en { $took } ms.
cli-scale-no-operator = Ningún operador respondió en 5 s. Las reglas no se aplican hasta que funcione un operador: kubectl workerpool check
cli-scale-unpinned-unanswered = { $name }: ya no está fijado, pero { $why }, así que las reglas no se aplican; `kubectl workerpool check` busca la causa
cli-scale-pinned-unanswered = { $name }: fijado en { $n }, pero { $why }, así que puede que las réplicas no hayan cambiado; `kubectl workerpool check` busca la causa
cli-scale-held = Está fijado en { $n }, pero sigue en { $to } mientras dure ese motivo.
cli-scale-until-time = Sigue en { $n } hasta las { $end }, o hasta { $auto }
cli-scale-until-auto = Sigue en { $n } hasta { $auto }
cli-scale-directly = ningún operador respondió en 5 s; se escala { $kind } { $name } directamente
cli-scale-unchanged = { $kind }/{ $name } ya tiene { $replicas ->
    [one] 1 worker
   *[other] { $replicas } workers
}
cli-scale-done-directly = Ningún operador respondió en 5 s, así que { $kind }/{ $name } se escaló directamente de { $from } a { $replicas }. Las reglas no se aplican hasta que funcione un operador: kubectl workerpool check
cli-stress-mixed = de cada tres, dos de E/S y una de CPU
cli-stress-cpu = de CPU
cli-stress-io = de E/S
cli-stress-tasks = { $tasks ->
    [one] 1 tarea
   *[other] { $tasks } tareas
} de { $seconds } s, { $kind }.
cli-stress-tasks-chosen = { $tasks ->
    [one] 1 tarea
   *[other] { $tasks } tareas
} de { $seconds } s, { $kind }; según las reglas de { $name } (con --tasks y --task-seconds elige usted).
cli-stress-no-change = { $head } Con estas reglas el número de workers no cambia.
cli-stress-expected = { $head } Con el pool inactivo, se espera:
cli-stress-step = {"  "}a los { $at } s  { $message }
cli-stress-cpu-rule = {"  "}Aquí la regla de CPU no es la primera que se supera, así que ningún mensaje la nombra; `metrics` muestra la CPU.
cli-why-not-decided = { $name }: las reglas deciden { $replicas } ahora.
cli-why-not-because = { $name }: { $decided ->
    [one] 1 worker
   *[other] { $decided } workers
}, y no { $replicas }, porque
cli-why-not-now = para { $replicas } ya
cli-why-not-soon = para { $replicas } pronto
cli-why-not-and = {" "}y{" "}
cli-why-not-nothing-until = nada, si la cola sigue como está hasta las { $at }
cli-why-not-if-idle-until = { $tasks }, si sigue inactivo hasta las { $at }
cli-why-not-by-hand = a mano
cli-why-not-more = { page-tasksMore }
cli-why-not-fewer = { page-tasksFewer }
cli-chart-queue = { page-queue }
cli-chart-cooldown = cool { $sign }
cli-chart-idle = inact.
cli-screen-keys = { page-help }
cli-ask-tasks = { $name }: ¿cuántas tareas?
cli-ask-workers = { $name }: ¿cuántos workers? 5, o 5 30m para media hora, o auto para seguir las reglas
cli-ask-pause = { $name }: ¿cuánto tiempo de pausa, y por qué? Por ejemplo 30m examen; vacío: hasta reanudar
cli-ask-keys = enter: continuar · esc: cancelar
cli-confirm-push = ¿Enviar { $tasks ->
    [one] 1 tarea
   *[other] { $tasks } tareas
} a { $name }?
cli-confirm-auto = ¿Dejar que las reglas de { $name } decidan de nuevo?
cli-confirm-pin-for = ¿Fijar { $name } en { $n ->
    [one] 1 worker
   *[other] { $n } workers
} durante { $span }, sea cual sea la carga?
cli-confirm-pin = ¿Fijar { $name } en { $n ->
    [one] 1 worker
   *[other] { $n } workers
}, sea cual sea la carga, hasta `auto`?
cli-confirm-suspend-for = ¿Suspender el escalado de { $name } durante { $span }{ $reason }?
cli-confirm-suspend = ¿Suspender el escalado de { $name } hasta que se reanude{ $reason }?
cli-confirm-resume = ¿Reanudar { $name }, para que sus reglas decidan de nuevo?
cli-confirm-keys = s: sí · otra tecla: no
cli-screen-too-small = al menos { $w }×{ $h }, por favor
cli-screen-filter = {" "}filtro:{" "}
cli-footer-readonly = solo lectura{"  "}
cli-footer-writes = s estrés  n workers  p pausa{"  "}
cli-footer-pools = ↑↓ enter abrir  / filtrar{"  "}
cli-footer-time-narrow = ←→ tiempo  b pools{"  "}
cli-footer-time = ←→ tiempo  [ ] cambios  espacio congelar  tab panel  b pools{"  "}
cli-footer-keys = {" "}{ $navigation }{ $writes }? ayuda  q salir{" "}
cli-footer-undecided = Ningún operador ha decidido aún: kubectl workerpool check { $name }
cli-footer-ago = hace { $ago }
cli-footer-spec-changed = {" "}La spec ha cambiado desde entonces y ningún operador la ha procesado aún.
cli-header-trouble-key = {"  "}⚠ { $trouble } con problemas (b)
cli-header-trouble = ⚠ { $trouble } con problemas{"  "}
cli-header-limit = ▲ { $limit } en un límite{"  "}
cli-header-healthy = ✓ { $healthy } { page-healthy }
cli-header-live = ● en vivo { $clock }
cli-header-not-watched = ✖ sin seguimiento { $clock }
cli-header-frozen = {" "}❚❚ { $frozen } (hace { $ago }){" "}
cli-header-no-metrics = ✖ sin datos { $clock }
cli-header-no-poll = ✖ sin lectura desde hace { $age } { $clock }
cli-screen-no-terminal = esto no es un terminal: `kubectl workerpool monitor` escribe una línea por cambio, `interactive --snapshot` una imagen
cli-history-pane-latency = Historial, latencia { $median } ms, máx. { $max } ms
cli-history-pane = { page-history }
cli-history-pane-empty = { page-noHistory }
cli-metrics-pane-age = leído hace { $age }
cli-metrics-pane-workers = █ ocupado  ░ libre  ━ deseado
cli-metrics-pane-marks = ▲▼ cambio  ╌ umbral  ? desconocido
cli-metrics-pane-drain = vacía en { $span } con { $n }
cli-steps-pane = { page-explanation }
cli-workers-pane-unknown = Workers: ?
cli-workers-pane-unreported = Workers: { $replicas }, nombres no indicados
cli-workers-pane = Workers: { $count } de { $replicas } registrados
cli-workers-pane-more = … { $more } más
cli-workers-pane-busy = { page-isBusy }
cli-workers-pane-idle = { page-isIdle }
cli-workers-pane-draining = { page-draining }
cli-workers-pane-stalled = parado
cli-workers-pane-next = siguiente
cli-pools-title = Pools, primero los problemas
cli-pools-head-pool = POOL
cli-pools-head-queue = COLA
cli-pools-head-busy = OCUP.
cli-pools-head-workers = WORKERS
cli-pools-head-wait = ESPERA
cli-pools-head-why = POR QUÉ
cli-pools-waiting = esperando al servidor API …
cli-pools-no-match = { page-noMatch }
cli-pools-none = { page-noPools } kubectl apply -f manifests/demo.yaml
cli-pools-no-workers = { page-noWorkers }
cli-prompt-readonly = --readonly: no se escribe nada
cli-prompt-number = un número de 1 a 100000
cli-prompt-workers = por ejemplo 5, o 5 30m, o auto
cli-prompt-pause = por ejemplo 30m, y un motivo
cli-key-quit = salir (también ctrl-c)
cli-key-help = esta ayuda
cli-key-back = volver: al presente, a todos los pools, sin filtro
cli-key-open = abrir el pool
cli-key-pools = todos los pools
cli-key-filter = filtrar: nombre, motivo, !no
cli-key-move = fila anterior, siguiente; o desplazar
cli-key-move-ten = diez filas arriba, abajo
cli-key-time = antes, después
cli-key-change = cambio anterior, siguiente
cli-key-freeze = { page-keySpace }
cli-key-space = espacio
cli-key-first = primera fila, o el inicio
cli-key-last = última fila, o el presente
cli-key-range = menos, más tiempo
cli-key-pane = ampliar workers, pasos o historial
# En el idioma al que cambia la tecla.
cli-key-language = en español
cli-key-stress = estrés: enviar una ráfaga de tareas
cli-key-scale = número de workers: fijarlo, o auto
cli-key-pause = pausa: suspender el escalado un tiempo
cli-key-resume = reanudar: las reglas deciden de nuevo
cli-help-usage = Uso
cli-help-arguments = Argumentos
cli-help-commands = Comandos
cli-help-options = Opciones
cli-help-this = Muestra esta ayuda
cli-probe-unsupported = no se informa: { $why }
cli-probe-unavailable = no se sabe: { $why }
cli-probe-none = esta cola no lo informa
cli-probe-one-each = cada worker ejecuta una tarea a la vez
cli-probe-no-task = ninguna tarea espera
cli-probe-option = { $flag } no pertenece al sistema { $system }
cli-probe-needs-group = el sistema { $system } necesita --group
cli-source-url = --redis no es una dirección de Redis: escriba redis://HOST:PUERTO/BASE o rediss://…
cli-source-which = estas opciones son para un Redis sin pool: indíquelo con --redis, --sentinel o --cluster
cli-source-address = { $address } no es una dirección: escriba HOST:PUERTO
cli-source-variable = la variable de entorno { $name } no está definida
cli-source-file = no se puede leer { $file }: { $error }
cli-source-certificates = los certificados o la clave no son archivos PEM válidos: { $error }

cli-discover-holds = Esta base de datos tiene colas de { $system }: { $names }
cli-discover-target = el Deployment de sus workers
cli-discover-address = como la alcanza el operador
cli-discover-none = no se encontró ninguna cola en esta base de datos
cli-discover-incomplete = la base de datos tiene más claves de las que se buscaron: puede haber más colas
cli-missing-queue = desde hace 10 minutos no hay ninguna cola { $name } del sistema { $system }; en este Redis está { $near }
cli-missing-elsewhere = { $queue } en la base de datos { $number }

## Errores de kubectl workerpool, y qué estaba haciendo

elsewhere = elija otro con -n o cree uno: `kubectl apply -f manifests/demo.yaml`
cli-error = error: { $error }
cli-waiting = esperando a { $what } …
cli-waited = { $what }: ninguna respuesta en { $seconds } s
cli-no-answer = ninguna respuesta en { $seconds } s
cli-connection-refused = conexión rechazada
cli-cannot-read = no se puede leer { $file }
cli-standard-input = la entrada estándar
cli-object-missing = no existe: { $kind }
cli-doing-list-pools = al leer los WorkerPools
cli-doing-list-all-pools = al leer los WorkerPools de todos los namespaces
cli-doing-watch-pools = al seguir los WorkerPools
cli-doing-watch = al seguir { $kind }
cli-doing-read-scale = al leer la escala de { $kind } { $name }
cli-doing-read-service = al leer el Service { $name }
cli-doing-read-secret = al leer el Secret { $name } del Redis del pool
cli-doing-token = el dashboard pide un token y el kubeconfig no tiene ninguno; al crear uno para la cuenta { $account } en { $namespace }
cli-login-no-token = el servidor API no creó ningún token para { $account }
cli-login-failed = no se puede iniciar sesión: { $error }
cli-doing-read-version = al leer su versión
cli-doing-read-definition = al leer su definición
cli-doing-list-pods = al listar sus pods
cli-doing-find-service-pod = al buscar el pod del Service { $name }
cli-doing-find-operator = al buscar el operador
cli-doing-find-operator-pod = al buscar el pod del operador
cli-doing-forward = al hacer port-forward al pod { $pod }
cli-doing-forward-dashboard = al hacer port-forward al pod { $name }, que requiere create sobre pods/portforward
cli-doing-scale = al escalar el WorkerPool { $name }
cli-doing-pause = al pausar el WorkerPool { $name }
cli-doing-resume = al reanudar el WorkerPool { $name }
cli-doing-remove-pin = al quitar el número fijo y la pausa del WorkerPool { $name }
cli-doing-set-delays = al cambiar sus tiempos
cli-deployments = la lista de Deployments
cli-permissions = la comprobación de sus permisos
cli-definition = la definición de los WorkerPools
cli-api-server = el servidor API { $server } ({ $doing })
cli-api-unauthenticated = sin autenticar en { $server }; inicie sesión de nuevo o elija otro contexto que { $context } con --context
cli-api-no-message = { $server } respondió HTTP { $code } sin mensaje
cli-api-silent = el servidor API { $server } no responde{ $through } ({ $cause }); ¿funciona el clúster, y es { $context } el contexto correcto? `kubectl config get-contexts` los muestra todos
cli-api-through-proxy = {" "}a través del proxy { $name } ({ $source })
cli-api-denied = no tiene permiso para { $verb } { $resource }
cli-api-forbidden = está prohibido ({ $message })
cli-api-ask-for-edit = { $denied }; pida a un administrador el rol `edit` en el namespace { $namespace }, que lo permite
cli-api-no-stream = el servidor API no abrió ninguna conexión con el pod { $pod }
cli-pools-no-api = este clúster ({ $context }) no tiene la API de WorkerPool: instálela con `helm install workerpool charts/workerpool`
cli-pools-not-even = el namespace { $namespace } no tiene WorkerPools, tampoco { $name }; { elsewhere }
cli-pools-others = el namespace { $namespace } no tiene el WorkerPool { $name }; tiene: { $names }
cli-pools-several = el namespace { $namespace } tiene { $count } WorkerPools, elija uno: { $names }
cli-pools-empty = el namespace { $namespace } no tiene WorkerPools; { elsewhere }
cli-kubeconfig-no-client = no se puede crear un cliente con este kubeconfig
cli-kubeconfig-error = { $error }; `kubectl config get-contexts` muestra todos los contextos
cli-kubeconfig-unusable = no hay ningún kubeconfig utilizable ({ $error }): defina KUBECONFIG o use --kubeconfig FICHERO
cli-proxy-no-list = NO_PROXY no es una lista de hosts separados por comas: { $error }
cli-proxy-no-url = el proxy no es una URL: { $error }
cli-proxy-source-no-url = el proxy de { $source } no es una URL
cli-proxy-socks-password = el proxy de { $source } es SOCKS5 con contraseña, lo que este programa no admite: use uno sin contraseña o un proxy HTTP
cli-proxy-scheme = el proxy de { $source } debe ser una URL http, https o socks5
cli-redis-no-address = el WorkerPool { $name } no tiene dirección de Redis
cli-doing-read-config-map = al leer el ConfigMap { $name } del Redis del pool
cli-redis-key-missing = { $kind } { $name } no tiene la clave { $key } para Redis
cli-tls-authorities = los certificados de las autoridades no son PEM
cli-tls-certificate = el certificado de cliente no es PEM
cli-tls-key = la clave privada de cliente no es PEM
cli-tls-other-key = la clave privada de cliente es de otro certificado
cli-link-name = no se conoce el nombre de su host
cli-link-no-tls = TLS: en este puerto no habla TLS
cli-link-tls = TLS: { $error }
cli-link-tls-silent = TLS: { $silence }; puede que el puerto no use TLS
cli-link-tls-expired = TLS: su certificado ha caducado
cli-link-tls-not-yet = TLS: su certificado todavía no es válido, o el reloj de esta máquina va atrasado
cli-link-tls-unknown-ca = TLS: su certificado es de una autoridad en la que no se confía
cli-link-tls-wrong-name = TLS: su certificado no es para el nombre { $name }
cli-link-tls-asks-client = TLS: pide un certificado de cliente
cli-link-tls-refuses-client = TLS: rechaza el certificado de cliente ({ $alert })
cli-link-closed = cierra la conexión sin responder; puede que el puerto use TLS
cli-link-no-master = este Sentinel no conoce ningún maestro { $master }
cli-link-no-host = este Sentinel no nombra un host válido
cli-link-slots = ningún nodo sirve el slot { $slot } de la cola; { $missing } de 16384 slots no se sirven
cli-redis-address-unreadable = no se puede leer la dirección de Redis del WorkerPool { $name }, o pide no verificar los certificados
cli-redis-secret-not-text = la clave { $key } del Secret { $name } no es UTF-8 válido
cli-redis-needs-password = pide una contraseña y no se le da ninguna
cli-redis-wrong-password = usuario o contraseña incorrectos
cli-redis-connection-lost = se perdió la conexión
cli-redis-service-missing = spec.redis nombra el Service { $name }, que no existe en el namespace { $namespace }: vea `kubectl -n { $namespace } get services`
cli-redis-no-forward = no tiene permiso para hacer port-forward a los pods del namespace { $namespace }; el rol `edit` tiene los permisos, get y create sobre pods/portforward
cli-redis-port-closed = nada escucha en el puerto { $port } del pod { $pod }: { $reason }
cli-redis-pod-silent = el pod { $pod } no responde en el puerto { $port } en { $seconds } s
cli-redis-no-ready-pod = ningún pod del Service { $name } está listo: vea `kubectl -n { $namespace } get pods -l { $selector }`
cli-service-without-selector = el Service { $name } del namespace { $namespace } no tiene selector, así que no hay ningún pod al que hacer port-forward
cli-service-port-missing = el Service { $name } apunta a un puerto que el pod { $pod } no tiene
cli-operator-silent = el operador no responde
cli-dashboard-not-installed = este clúster no tiene operador ni dashboard: instálelos con `helm install workerpool charts/workerpool` o use `kubectl workerpool dashboard --local`
cli-dashboard-no-operator = no hay ningún operador en un namespace que usted pueda leer; indique su namespace con -n
cli-dashboard-no-ready-pod = ningún pod del operador está listo: vea `kubectl -n { $namespace } get pods -l { $labels }`
cli-dashboard-disabled = el operador de { $namespace } no sirve el dashboard: instálelo con --set dashboard.enabled=true
cli-dashboard-local-silent = no se puede conectar con el dashboard del operador local
cli-dashboard-no-accept = no se pueden aceptar conexiones en el puerto
cli-dashboard-no-listen = no se puede escuchar en el puerto local { $port } ({ $error }): elija otro con --port
cli-failed-no-queue = el WorkerPool { $name } no tiene ninguna cola del sistema WorkerPool: una lista simple no tiene tareas fallidas
cli-stress-no-queue = el WorkerPool { $name } no tiene ninguna cola del sistema WorkerPool; no se conoce el formato de las tareas de una lista simple
cli-stress-no-pictures = no se pueden guardar las imágenes
cli-stress-no-tasks = no se pueden encolar las tareas
cli-stress-refused = la cola rechazó las tareas después de { $pushed } de { $tasks }: { $reason }
cli-image-no-file = no es un fichero
cli-image-no-picture = no es un fichero PNG, JPEG o WebP
cli-image-too-big = { $size } MiB, como máximo { $most }
cli-image-too-many = --image: { $size } MiB en total, como máximo caben { $most } junto a las tareas en Redis
cli-replay-built-in = la grabación incluida
cli-replay-empty = la grabación está vacía
cli-replay-pool-no-yaml = el pool no es YAML válido
cli-replay-pool-unknown-field = el pool tiene un campo desconocido, { $field }
cli-replay-pool-invalid = no se puede leer el pool
cli-record-null = { $error }: se graba null
cli-simulate-one-queue = { $file }: --arrivals necesita un pool con una sola cola, y este tiene { $queues }
cli-simulate-no-yaml = { $file }: no es un único documento YAML
cli-simulate-other-kind = { $file }: se esperaba kind WorkerPool y es { $kind }: `kubectl get wp NOMBRE -o yaml` escribe uno
cli-simulate-unknown-field = { $file }: campo desconocido { $field }: `kubectl explain wp.spec` muestra los campos
cli-simulate-invalid-pool = { $file }: no es un WorkerPool válido
cli-metrics-unread = no se pudo leer
cli-history-workers = { $n ->
    [one] 1 worker
   *[other] { $n } workers
}
cli-header-workers = {"  "}{ $workers } workers{ $bounds }{"  "}
cli-header-pools = { $count ->
    [one] 1 pool
   *[other] { $count } pools
}

## La galería del worker de referencia

gallery-skip = Ir a la imagen
gallery-title = Galería
gallery-lead = Su foto se corta en teselas. Cada tesela es una tarea, y cada worker pinta las que toma: más workers, más rápido.
gallery-workers = Workers
gallery-waiting = Tareas en espera
gallery-rate = Tareas por segundo
gallery-clock = Su imagen
gallery-photo = Foto
gallery-choose = Elija una foto
gallery-orDrop = o suéltela en la página. Se corta en su dispositivo.
gallery-mountains = Montañas
gallery-city = Ciudad de noche
gallery-filters = Filtros
gallery-tiles = Teselas
gallery-delay = Duración de cada tarea
gallery-delay0 = Solo el filtro (CPU)
gallery-delay1000 = 1 s, como una descarga
gallery-send = Enviar a los workers
gallery-again = Enviar otra vez
gallery-board = La imagen
gallery-team = Quién pintó qué
gallery-runs = Sus imágenes
gallery-time = Tiempo
gallery-perSecond = Por segundo
gallery-noRuns = Envíe una, deje que el pool crezca y envíela otra vez: compare los tiempos.
gallery-blur = Desenfocar
gallery-sharpen = Enfocar
gallery-edges = Bordes
gallery-grayscale = Grises
gallery-sepia = Sepia
gallery-brightness = Más claro
gallery-contrast = Contraste
gallery-rotate = Girar
gallery-tile = Tesela { $n }
gallery-tileWaits = Tesela { $n }: en espera
gallery-tileRuns = Tesela { $n }: la hace { $worker }
gallery-tileDone = Tesela { $n }: de { $worker } en { $time }
gallery-tileFailed = La tesela { $n } falló: { $error }
gallery-worked = { $count ->
    [one] 1 tesela, { $time }
   *[other] { $count } teselas, { $time } cada una
}
gallery-ready = Hay { $tiles } teselas listas para enviar.
gallery-sending = Se envían { $tiles } teselas…
gallery-progress = Han vuelto { $done } de { $tiles } teselas.
gallery-finished = { $workers ->
    [one] Listo: { $tiles } teselas en { $time } con 1 worker.
   *[other] Listo: { $tiles } teselas en { $time } con { $workers } workers.
}
gallery-failed = { $count ->
    [one] Falló 1 tesela: { $error }
   *[other] Fallaron { $count } teselas: { $error }
}
gallery-noWorkers = Ahora no hay ningún worker. Las teselas esperan en la cola hasta que arranque uno.
gallery-notAnImage = Su navegador no puede leer «{ $name }» como imagen. Elija un fichero JPEG, PNG o WebP.
gallery-tooLarge = «{ $name }» es demasiado grande: { $size } MB. El máximo son { $max } MB. Elija una foto más pequeña.
gallery-noAnswer = El servidor no responde. La página sigue intentándolo.
gallery-refused = El servidor rechazó la imagen: { $message }
gallery-busy = El servidor está ocupado. La página vuelve a enviar la imagen en un momento.
gallery-gone = Los resultados ya no están. Envíe la imagen otra vez.
