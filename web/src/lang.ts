/** English and Spanish: all words of the page, and how times and spans are said. */
export type Lang = "en" | "es";

const TEXT = {
  pools: ["All pools", "Todos los pools"],
  count: ["pools", "pools"],
  trouble: ["in trouble", "con problemas"],
  limit: ["at a limit", "en un límite"],
  fine: ["well", "bien"],
  filter: ["Filter", "Filtrar"],
  filterHint: ["name, reason, !not", "nombre, motivo, !no"],
  none: ["No pool matches the filter.", "Ningún pool coincide con el filtro."],
  empty: ["There is no WorkerPool yet. Make one with:", "Todavía no hay ningún WorkerPool. Cree uno con:"],
  loading: ["Waiting for the operator…", "Esperando al operador…"],
  missing: ["There is no such pool (any more).", "Ese pool no existe (o ya no)."],
  live: ["live", "en vivo"],
  connecting: ["connecting", "conectando"],
  broken: ["No connection to the operator for", "Sin conexión con el operador desde hace"],
  stale: ["This is the last picture, from", "Esta es la última imagen, de las"],
  retry: ["It comes back by itself.", "Vuelve por sí sola."],
  pool: ["Pool", "Pool"],
  past: ["Queue, last 10 min", "Cola, últimos 10 min"],
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
  ready: ["idle", "libres"],
  wanted: ["wanted", "deseados"],
  waiting: ["waiting", "en espera"],
  unknown: ["unknown", "desconocido"],
  unknownMark: ["no facts", "sin datos"],
  threshold: ["threshold", "umbral"],
  decision: ["decision", "decisión"],
  nobody: ["nobody works", "nadie trabaja"],
  cooldownUp: ["cooldown ↑", "cooldown ↑"],
  cooldownDown: ["cooldown ↓", "cooldown ↓"],
  idle: ["idle", "inactivo"],
  clocks: ["What may happen next", "Qué puede pasar ahora"],
  nextUp: ["Up", "Subir"],
  nextDown: ["Down", "Bajar"],
  nowPossible: ["possible now, if a threshold is passed", "posible ya, si se pasa un umbral"],
  atMaximum: ["already at the maximum", "ya en el máximo"],
  atMinimum: ["already at the minimum", "ya en el mínimo"],
  in: ["in", "en"],
  atOnce: ["at once", "enseguida"],
  if: ["if", "si hay"],
  more: ["more tasks wait", "tareas más en espera"],
  fewer: ["fewer tasks wait", "tareas menos en espera"],
  asItIs: ["if it stays as it is", "si sigue como está"],
  needFacts: ["not without facts", "no sin datos"],
  frozenByHand: ["rules do not decide", "las reglas no deciden"],
  cooldownFor: ["cooldown for another", "cooldown durante"],
  idleFor: ["idle for", "inactivo desde hace"],
  of: ["of", "de"],
  notIdle: ["not idle: it must be for", "no está inactivo: debe estarlo durante"],
  explanation: ["How it was decided", "Cómo se decidió"],
  history: ["History", "Historial"],
  noHistory: ["No change of the number yet.", "Aún no ha cambiado el número."],
  lastChange: ["Last change", "Último cambio"],
  reaction: ["push to patch", "de empuje a parche"],
  afterPush: ["after the push", "tras el empuje"],
  writing: ["being written", "escribiéndose"],
  sure: ["of the facts known", "de los datos conocidos"],
  read: ["read", "leído"],
  ago: ["ago", ""],
  freeze: ["Freeze", "Congelar"],
  follow: ["Follow", "Seguir"],
  frozen: ["Frozen at", "Congelado a las"],
  range: ["Time shown", "Tiempo mostrado"],
  language: ["ES", "EN"],
  inLanguage: ["En español", "In English"],
  theme: ["Light or dark", "Claro u oscuro"],
  help: ["Keys", "Teclas"],
  chart: ["Chart of queue, wait and workers. Left and right arrows move through time.",
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
  deleted: ["deleted", "borrado"],
  whatIf: ["What if…", "¿Y si…?"],
  whatIfNote: ["The last hour's facts, decided on again by other rules. The queue does not answer to workers that were not there. Or drag a threshold in the chart.",
    "Los datos de la última hora, decididos de nuevo con otras reglas. La cola no responde a workers que no estaban. También puede arrastrar un umbral en el gráfico."],
  whatIfNot: ["These rules need counters that the last hour does not keep: kubectl workerpool simulate", "Estas reglas necesitan contadores que la última hora no guarda: kubectl workerpool simulate"],
  queueUp: ["Up: queue above", "Subir: cola mayor que"],
  busyUp: ["Up: busy above", "Subir: ocupados más del"],
  upStep: ["Up: step", "Subir: paso"],
  upCooldown: ["Up: cooldown", "Subir: cooldown"],
  queueDown: ["Down: queue below", "Bajar: cola menor que"],
  busyDown: ["Down: busy below", "Bajar: ocupados menos del"],
  downStep: ["Down: step", "Bajar: paso"],
  downCooldown: ["Down: cooldown", "Bajar: cooldown"],
  idleFor2: ["Down: idle for", "Bajar: inactivo durante"],
  least: ["Fewest workers", "Mínimo de workers"],
  most: ["Most workers", "Máximo de workers"],
  wouldBe: ["It would have been", "Habría sido"],
  changes: ["changes", "cambios"],
  workerHours: ["worker hours", "horas de worker"],
  itWas: ["it was", "fueron"],
  atMost: ["at most", "como mucho"],
  moveOne: ["Move a slider to see the YAML.", "Mueva un control para ver el YAML."],
  copy: ["Copy", "Copiar"],
  copied: ["Copied", "Copiado"],
  asItIsNow: ["As it is now", "Como está ahora"],
  pod: ["Pod", "Pod"],
  state: ["State", "Estado"],
  since: ["For", "Desde hace"],
  holds: ["Works on", "Trabaja en"],
  order: ["Order of going", "Orden de salida"],
  onItsWay: ["on its way out", "saliendo"],
  letGo: ["let go again, busy too long", "se queda, ocupado demasiado tiempo"],
  goesNext: ["goes next", "el siguiente en irse"],
  isBusy: ["busy", "ocupado"],
  isIdle: ["idle", "libre"],
  draining: ["draining", "terminando"],
  deaf: ["silent: lives and takes nothing", "mudo: vive y no toma nada"],
  leaving: ["pod is ending", "el pod se está cerrando"],
  podless: ["registered, its pod is gone", "registrado, sin pod"],
  unregistered: ["pod has not registered", "pod sin registrar"],
  task: ["task", "tarea"],
  tasks: ["tasks", "tareas"],
  registeredOf: ["registered, pods", "registrados, pods"],
  notNamed: ["This kind of queue does not name its workers: who is busy, and who goes next, nobody can tell.",
    "Este tipo de cola no nombra a sus workers: no se sabe quién está ocupado ni quién se va."],
  notRead: ["could not be read", "no se pudo leer"],
  nextLook: ["Waiting for the operator's next look…", "Esperando la próxima lectura del operador…"],
  nobodyRegistered: ["No worker is registered.", "Ningún worker está registrado."],
  notRegistered: ["pods without a registered worker", "pods sin worker registrado"],
  withoutPod: ["registered workers without a pod", "workers registrados sin pod"],
  notChosen: ["Who goes next is not the operator's choice here.", "Aquí el operador no elige quién se va."],
  moreWorkers: ["more", "más"],
  whyNot: ["Why not another number?", "¿Por qué no otro número?"],
  whyNot1: ["Why not", "¿Por qué no"],
  whyNot2: ["workers?", "workers?"],
  whyNotUnknown: ["Nobody knows: the spec cannot work, or the target or its facts are not known.", "No se sabe: la spec no es válida, o faltan el objetivo o sus datos."],
  isDecided: ["that is what the rules say now.", "es lo que dicen las reglas ahora."],
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
  nothingUntil: ["nothing, if it stays as it is until", "nada, si sigue como está hasta las"],
  ifSoUntil: ["if it stays so until", "si sigue así hasta las"],
  byHand: ["By hand", "A mano"],
} as const satisfies Record<string, readonly [string, string]>;

/** The closed list of reasons in people's words. */
const REASONS: Record<string, readonly [string, string]> = {
  WithinThresholds: ["steady", "estable"],
  QueueTooLong: ["queue too long", "cola larga"],
  WorkersBusy: ["workers busy", "workers ocupados"],
  HighCPU: ["CPU high", "CPU alta"],
  TasksPerWorker: ["tasks per worker", "tareas por worker"],
  DrainWithin: ["drain in time", "vaciar a tiempo"],
  MaxWait: ["waited too long", "espera larga"],
  ScaledFromZero: ["woken", "despertado"],
  FewerNeeded: ["fewer needed", "bastan menos"],
  NotIdle: ["not idle", "no inactivo"],
  Stabilized: ["stabilizing", "estabilizando"],
  RateLimited: ["rate limited", "ritmo limitado"],
  Scheduled: ["scheduled", "programado"],
  Idle: ["idle", "inactivo"],
  ScalingDown: ["scaling down", "reduciendo"],
  IdleWait: ["idle, waiting", "inactivo, esperando"],
  CoolingDown: ["cooling down", "enfriando"],
  AtMax: ["at maximum", "en el máximo"],
  TooFewReplicas: ["below minimum", "bajo el mínimo"],
  TooManyReplicas: ["above maximum", "sobre el máximo"],
  BusyWorkers: ["busy workers kept", "ocupados, se quedan"],
  Unknown: ["no facts", "sin datos"],
  Fallback: ["fallback", "número de reserva"],
  Pinned: ["pinned", "fijado"],
  Suspended: ["suspended", "suspendido"],
  DryRun: ["dry run", "simulación"],
  TargetChanged: ["target changed", "objetivo cambiado"],
  TargetMissing: ["target missing", "falta el objetivo"],
  TargetConflict: ["target conflict", "objetivo en conflicto"],
  WriteFailed: ["write failed", "escritura fallida"],
  InvalidSpec: ["invalid spec", "spec no válida"],
};

let column = 0;

/** The language that `wanted` names (`?lang=` or the browser's). */
export function choose(wanted: string): Lang {
  column = wanted.toLowerCase().startsWith("es") ? 1 : 0;
  return lang();
}

export function lang(): Lang {
  return column ? "es" : "en";
}

export function t(key: keyof typeof TEXT): string {
  return TEXT[key][column];
}

/** A reason in words; one that this page does not know is said as it is. */
export function reasonText(reason: string): string {
  return REASONS[reason]?.[column] ?? reason;
}

/** `6 s`, `2 min 10 s`, `1 h 5 min`. */
export function span(seconds: number): string {
  const all = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  if (h) return `${h} h${m ? ` ${m} min` : ""}`;
  return m ? `${m} min${s && m < 10 ? ` ${s} s` : ""}` : `${s} s`;
}

/** Seconds as a fact: unknown is `?`, and long waits are said in minutes. */
export function waited(n: number | null | undefined): string {
  return typeof n === "number" && n >= 120 ? span(n >= 3600 ? n - (n % 60) : n) : fact(n, " s");
}

/** `4 s ago`, `hace 4 s`. */
export function ago(millis: number): string {
  return column ? `hace ${span(millis / 1000)}` : `${span(millis / 1000)} ago`;
}

/** The local time of day, with the day where that is not today's. */
export function when(millis: number, now: number): string {
  const at = new Date(millis);
  const today = at.toDateString() === new Date(now).toDateString();
  return today ? clock(millis) : `${at.getDate()}/${at.getMonth() + 1} ${clock(millis, false)}`;
}

/** The local time of day, `09:16:05`. */
export function clock(millis: number, seconds = true): string {
  const at = new Date(millis);
  const all = [at.getHours(), at.getMinutes(), ...(seconds ? [at.getSeconds()] : [])];
  return all.map((n) => String(n).padStart(2, "0")).join(":");
}

/** A fact as people read it: unknown is `?`, never 0; what is not told is `–`. */
export function fact(n: number | null | undefined, unit = ""): string {
  return n === null || n === undefined ? "?" : n < 0 ? "–" : `${n}${unit}`;
}
