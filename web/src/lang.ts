/** All texts of the page in English and Spanish, and the formats of times, durations and metrics. */
export type Language = "en" | "es";

const TEXT = {
  pools: ["All pools", "Todos los pools"],
  poolCount: ["pools", "pools"],
  problems: ["with problems", "con problemas"],
  atLimit: ["at a limit", "en un límite"],
  healthy: ["healthy", "bien"],
  filter: ["Filter", "Filtrar"],
  filterHint: ["name, reason, !not", "nombre, motivo, !no"],
  noMatch: ["No pool matches the filter.", "Ningún pool coincide con el filtro."],
  noPools: ["There are no WorkerPools yet. Create one with:", "Todavía no hay ningún WorkerPool. Cree uno con:"],
  loading: ["Waiting for the operator…", "Esperando al operador…"],
  notFound: ["This WorkerPool does not exist, or it was deleted.", "Este WorkerPool no existe o se ha borrado."],
  live: ["live", "en vivo"],
  connecting: ["connecting", "conectando"],
  broken: ["No connection to the operator for", "Sin conexión con el operador desde hace"],
  lastData: ["Last data received at", "Últimos datos recibidos a las"],
  reconnecting: ["Reconnecting automatically.", "Se reconecta automáticamente."],
  pool: ["Pool", "Pool"],
  queueHistory: ["Queue, last 10 min", "Cola, últimos 10 min"],
  queue: ["Queue", "Cola"],
  wait: ["Oldest wait", "Espera máx."],
  busy: ["Busy", "Ocupados"],
  workers: ["Workers", "Workers"],
  why: ["Why", "Por qué"],
  queueLength: ["Queue length", "Longitud de la cola"],
  activeWorkers: ["Active workers", "Workers activos"],
  busyWorkers: ["Busy workers", "Workers ocupados"],
  avgTime: ["Avg time", "Tiempo medio"],
  success: ["Success rate", "Tasa de éxito"],
  cpu: ["CPU usage", "Uso de CPU"],
  recommendation: ["Recommendation", "Recomendación"],
  target: ["Target workers", "Workers objetivo"],
  eta: ["ETA, queue empty", "ETA, cola vacía"],
  up: ["SCALE UP", "SUBIR"],
  down: ["SCALE DOWN", "BAJAR"],
  hold: ["HOLD", "MANTENER"],
  idleWorkers: ["idle", "libres"],
  desired: ["desired", "deseados"],
  waiting: ["waiting", "en espera"],
  unknown: ["unknown", "desconocido"],
  noMetrics: ["no metrics", "sin datos"],
  threshold: ["threshold", "umbral"],
  decision: ["decision", "decisión"],
  noWorkers: ["no workers", "sin workers"],
  cooldownUp: ["cooldown ↑", "cooldown ↑"],
  cooldownDown: ["cooldown ↓", "cooldown ↓"],
  idle: ["idle", "inactivo"],
  nextChanges: ["Next changes", "Próximos cambios"],
  nextUp: ["Up", "Subir"],
  nextDown: ["Down", "Bajar"],
  nowPossible: ["possible now, if a threshold is exceeded", "posible ya, si se supera un umbral"],
  atMaximum: ["already at the maximum", "ya en el máximo"],
  atMinimum: ["already at the minimum", "ya en el mínimo"],
  in: ["in", "en"],
  atOnce: ["at once", "de inmediato"],
  if: ["if", "si hay"],
  more: ["more tasks wait", "tareas más en espera"],
  fewer: ["fewer tasks wait", "tareas menos en espera"],
  ifConditionsHold: ["if conditions hold", "si las condiciones se mantienen"],
  needsMetrics: ["not without metrics", "no sin datos"],
  rulesInactive: ["the rules are not in effect", "las reglas no se aplican"],
  cooldownEndsIn: ["cooldown ends in", "el cooldown acaba en"],
  idleFor: ["idle for", "inactivo desde hace"],
  of: ["of", "de"],
  notIdle: ["not idle: must be idle for", "no está inactivo: debe estarlo durante"],
  explanation: ["How it was decided", "Cómo se decidió"],
  history: ["History", "Historial"],
  noHistory: ["No replica changes yet.", "Aún no hay cambios de réplicas."],
  lastChange: ["Last change", "Último cambio"],
  scaleLatency: ["scale latency", "latencia de escalado"],
  afterPush: ["after the push", "tras el aviso de Redis"],
  writing: ["being written", "escribiéndose"],
  metricsAvailable: ["of the metrics available", "de los datos disponibles"],
  read: ["read", "leído"],
  freeze: ["Freeze", "Congelar"],
  follow: ["Follow", "Seguir"],
  frozen: ["Frozen at", "Congelado a las"],
  range: ["Time range", "Intervalo de tiempo"],
  language: ["ES", "EN"],
  inLanguage: ["En español", "In English"],
  theme: ["Light or dark", "Claro u oscuro"],
  help: ["Keys", "Teclas"],
  chart: ["Chart of queue, wait and workers. The left and right arrow keys move through time.",
    "Gráfico de cola, espera y workers. Las flechas izquierda y derecha se mueven en el tiempo."],
  readonly: ["Read-only. The same from the command line:", "Solo lectura. Lo mismo desde la terminal:"],
  keyFilter: ["filter", "filtrar"],
  keyMove: ["next and previous row", "fila siguiente y anterior"],
  keyBack: ["back, clear", "volver, borrar"],
  keyTime: ["move through time", "moverse en el tiempo"],
  keySpace: ["freeze and follow", "congelar y seguir"],
  keyRange: ["show less or more time", "mostrar menos o más tiempo"],
  keyLang: ["language", "idioma"],
  keyTheme: ["light, dark", "claro, oscuro"],
  close: ["Close", "Cerrar"],
  whatIf: ["What if…", "¿Y si…?"],
  whatIfNote: ["Evaluates the last hour's metrics again with other rules. The queue does not react to workers that were not there. You can also drag a threshold in the chart.",
    "Evalúa de nuevo los datos de la última hora con otras reglas. La cola no reacciona a workers que no existían. También puede arrastrar un umbral en el gráfico."],
  whatIfUnsupported: ["These rules need counters that are not kept for the last hour. Use: kubectl workerpool simulate",
    "Estas reglas necesitan contadores que no se guardan de la última hora. Use: kubectl workerpool simulate"],
  queueUp: ["Up: queue above", "Subir: cola mayor que"],
  busyUp: ["Up: busy above", "Subir: ocupados más del"],
  upStep: ["Up: step", "Subir: paso"],
  upCooldown: ["Up: cooldown", "Subir: cooldown"],
  queueDown: ["Down: queue below", "Bajar: cola menor que"],
  busyDown: ["Down: busy below", "Bajar: ocupados menos del"],
  downStep: ["Down: step", "Bajar: paso"],
  downCooldown: ["Down: cooldown", "Bajar: cooldown"],
  downIdleFor: ["Down: idle for", "Bajar: inactivo durante"],
  minWorkers: ["Minimum workers", "Mínimo de workers"],
  maxWorkers: ["Maximum workers", "Máximo de workers"],
  simulated: ["Simulated", "Simulado"],
  changes: ["changes", "cambios"],
  workerHours: ["worker hours", "horas de worker"],
  actual: ["actual", "real"],
  peak: ["peak", "máximo"],
  max: ["max", "máx."],
  moveSlider: ["Move a slider to see the YAML.", "Mueva un control para ver el YAML."],
  copy: ["Copy", "Copiar"],
  copied: ["Copied", "Copiado"],
  reset: ["Reset", "Restablecer"],
  pod: ["Pod", "Pod"],
  state: ["State", "Estado"],
  since: ["For", "Desde hace"],
  heldTasks: ["Works on", "Trabaja en"],
  removalOrder: ["Removal order", "Orden de eliminación"],
  beingRemoved: ["being removed", "se está eliminando"],
  timedOut: ["kept, was busy too long", "se conserva, ocupado demasiado tiempo"],
  removedNext: ["removed next", "el siguiente en eliminarse"],
  isBusy: ["busy", "ocupado"],
  isIdle: ["idle", "libre"],
  draining: ["draining", "drenando"],
  stalled: ["stalled: alive, but takes no tasks", "parado: vivo, pero no toma tareas"],
  terminating: ["pod is terminating", "el pod se está cerrando"],
  podless: ["registered, but its pod is gone", "registrado, pero sin pod"],
  unregistered: ["pod has not registered", "pod sin registrar"],
  task: ["task", "tarea"],
  tasks: ["tasks", "tareas"],
  registeredOf: ["registered, pods", "registrados, pods"],
  workersUnsupported: ["This queue system does not report its workers, so it is unknown which of them are busy and which are removed next.",
    "Este sistema de colas no informa de sus workers: no se sabe cuáles están ocupados ni cuáles se eliminarán."],
  unavailable: ["could not be read", "no se pudo leer"],
  waitingForPoll: ["Waiting for the operator's next poll…", "Esperando la próxima lectura del operador…"],
  noneRegistered: ["No worker is registered.", "Ningún worker está registrado."],
  podsWithoutWorker: ["pods without a registered worker", "pods sin worker registrado"],
  workersWithoutPod: ["registered workers without a pod", "workers registrados sin pod"],
  notSelectable: ["The operator does not choose which pods of this target are removed.", "El operador no elige qué pods de este objetivo se eliminan."],
  moreWorkers: ["more", "más"],
  whyNot: ["Why not a different number of workers?", "¿Por qué no otro número de workers?"],
  whyNotBefore: ["Why not", "¿Por qué no"],
  whyNotAfter: ["workers?", "workers?"],
  whyNotUnknown: ["Unknown: the spec is invalid, or the target or its metrics are missing.", "No se sabe: la spec no es válida, o faltan el objetivo o sus datos."],
  isDecided: ["this is what the rules decide now.", "es lo que deciden las reglas ahora."],
  andNot: ["and not", "y no"],
  because: ["because", "porque"],
  toHave: ["For", "Para tener"],
  rightNow: ["now", "ya"],
  soon: ["soon", "pronto"],
  and: ["and", "y"],
  taskMore: ["more task", "tarea más"],
  tasksMore: ["more tasks", "tareas más"],
  taskFewer: ["task fewer", "tarea menos"],
  tasksFewer: ["tasks fewer", "tareas menos"],
  nothingUntil: ["nothing, if conditions hold until", "nada, si las condiciones se mantienen hasta las"],
  ifSoUntil: ["if conditions hold until", "si las condiciones se mantienen hasta las"],
  byHand: ["By hand", "A mano"],
} as const satisfies Record<string, readonly [english: string, spanish: string]>;

/** The reasons of the API as short labels. */
const REASONS: Record<string, readonly [english: string, spanish: string]> = {
  WithinThresholds: ["within thresholds", "dentro de umbrales"],
  QueueTooLong: ["queue too long", "cola larga"],
  WorkersBusy: ["workers busy", "workers ocupados"],
  HighCPU: ["high CPU", "CPU alta"],
  TasksPerWorker: ["tasks per worker", "tareas por worker"],
  DrainWithin: ["drain in time", "vaciar a tiempo"],
  MaxWait: ["waited too long", "espera larga"],
  ScaledFromZero: ["scaled from zero", "escalado desde cero"],
  FewerNeeded: ["fewer needed", "bastan menos"],
  NotIdle: ["not idle", "no inactivo"],
  Stabilized: ["stabilizing", "estabilizando"],
  RateLimited: ["rate limited", "ritmo limitado"],
  Scheduled: ["scheduled", "programado"],
  Idle: ["idle", "inactivo"],
  ScalingDown: ["scaling down", "reduciendo"],
  IdleWait: ["idle, waiting", "inactivo, esperando"],
  CoolingDown: ["cooling down", "en cooldown"],
  AtMax: ["at maximum", "en el máximo"],
  TooFewReplicas: ["below minimum", "bajo el mínimo"],
  TooManyReplicas: ["above maximum", "sobre el máximo"],
  BusyWorkers: ["busy workers kept", "se conservan los ocupados"],
  Unknown: ["no metrics", "sin datos"],
  Fallback: ["fallback", "réplicas de reserva"],
  Pinned: ["pinned", "fijado"],
  Suspended: ["suspended", "suspendido"],
  DryRun: ["dry run", "simulación"],
  TargetChanged: ["target changed", "objetivo cambiado"],
  TargetMissing: ["target missing", "falta el objetivo"],
  TargetConflict: ["target conflict", "objetivo en conflicto"],
  WriteFailed: ["write failed", "escritura fallida"],
  InvalidSpec: ["invalid spec", "spec no válida"],
};

/** The index into each pair of texts. */
let column = 0;

/** Sets the language from a code such as `es-MX`; everything but Spanish is English. */
export function setLanguage(code: string): Language {
  column = code.toLowerCase().startsWith("es") ? 1 : 0;
  return language();
}

export function language(): Language {
  return column ? "es" : "en";
}

export function t(key: keyof typeof TEXT): string {
  return TEXT[key][column];
}

/** The label of a reason; an unknown reason is its own label. */
export function reasonText(reason: string): string {
  return REASONS[reason]?.[column] ?? reason;
}

/** `6 s`, `2 min 10 s`, `1 h 5 min`. */
export function formatDuration(seconds: number): string {
  const all = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  if (h) return `${h} h${m ? ` ${m} min` : ""}`;
  return m ? `${m} min${s && m < 10 ? ` ${s} s` : ""}` : `${s} s`;
}

/** A wait in seconds as a metric, in minutes where it is long. */
export function formatWait(n: number | null | undefined): string {
  return typeof n === "number" && n >= 120 ? formatDuration(n >= 3600 ? n - (n % 60) : n) : formatMetric(n, " s");
}

/** `4 s ago`, `hace 4 s`. */
export function formatAge(millis: number): string {
  return column ? `hace ${formatDuration(millis / 1000)}` : `${formatDuration(millis / 1000)} ago`;
}

/** The local time of day, with the date where it is not today. */
export function formatTimestamp(millis: number, now: number): string {
  const at = new Date(millis);
  const today = at.toDateString() === new Date(now).toDateString();
  return today ? formatTime(millis) : `${at.getDate()}/${at.getMonth() + 1} ${formatTime(millis, false)}`;
}

/** The local time of day, `09:16:05`. */
export function formatTime(millis: number, seconds = true): string {
  const at = new Date(millis);
  const parts = [at.getHours(), at.getMinutes(), ...(seconds ? [at.getSeconds()] : [])];
  return parts.map((n) => String(n).padStart(2, "0")).join(":");
}

/** A metric as text: unavailable is `?`, never 0; unsupported is `–`. */
export function formatMetric(n: number | null | undefined, unit = ""): string {
  return n === null || n === undefined ? "?" : n < 0 ? "–" : `${n}${unit}`;
}
