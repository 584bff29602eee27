// The page's texts in English and Spanish. The language is the browser's.

const EN = {
  skip: "Skip to the picture", title: "Gallery",
  lead: "Your photo is cut into tiles. Each tile is a task, and each worker paints the ones it takes: more workers, faster.",
  workers: "Workers", waiting: "Tasks waiting", rate: "Tasks per second", clock: "Your picture",
  photo: "Photo", choose: "Choose a photo", orDrop: "or drop one anywhere. It is cut on your device.",
  mountains: "Mountains", city: "City at night", filters: "Filters", tiles: "Tiles", delay: "Time of each task",
  delay0: "Only the filter (CPU)", delay1000: "1 s, like a download", send: "Send to the workers", again: "Send again",
  board: "The picture", team: "Who painted what", runs: "Your pictures", time: "Time", perSecond: "Per second",
  noRuns: "Send one, let the pool grow, and send it again: compare the times.",
  blur: "Blur", sharpen: "Sharpen", edges: "Edges", grayscale: "Grayscale", sepia: "Sepia", brightness: "Brighter",
  contrast: "Contrast", rotate: "Rotate",
  tile: "Tile {n}", tileWaits: "Tile {n}: waits", tileRuns: "Tile {n}: {worker} works on it", tileDone: "Tile {n}: by {worker} in {time}",
  tileFailed: "Tile {n} failed: {error}", worked: "{count} tiles, {time} each", workedOne: "1 tile, {time}",
  ready: "{tiles} tiles are ready to send.", sending: "Sending {tiles} tiles…", progress: "{done} of {tiles} tiles are back.",
  finished: "Finished: {tiles} tiles in {time} with {workers} workers.", finishedOne: "Finished: {tiles} tiles in {time} with 1 worker.",
  failed: "{count} tiles failed: {error}",
  noWorkers: "No worker is alive at the moment. The tiles wait in the queue until one starts.",
  notAnImage: "Your browser cannot read “{name}” as a picture. Choose a JPEG, PNG or WebP file.",
  tooLarge: "“{name}” is too large: {size} MB. The maximum is {max} MB. Choose a smaller photo.",
  noAnswer: "The server does not answer. The page keeps trying.",
  refused: "The server refused the picture: {message}", busy: "The server is busy. The page sends the picture again in a moment.",
  gone: "The results are no longer there. Send the picture again.",
};

/** @type {typeof EN} */
const ES = {
  skip: "Ir a la imagen", title: "Galería",
  lead: "Su foto se corta en teselas. Cada tesela es una tarea, y cada worker pinta las que toma: más workers, más rápido.",
  workers: "Workers", waiting: "Tareas en espera", rate: "Tareas por segundo", clock: "Su imagen",
  photo: "Foto", choose: "Elija una foto", orDrop: "o suéltela en la página. Se corta en su dispositivo.",
  mountains: "Montañas", city: "Ciudad de noche", filters: "Filtros", tiles: "Teselas", delay: "Duración de cada tarea",
  delay0: "Solo el filtro (CPU)", delay1000: "1 s, como una descarga", send: "Enviar a los workers", again: "Enviar otra vez",
  board: "La imagen", team: "Quién pintó qué", runs: "Sus imágenes", time: "Tiempo", perSecond: "Por segundo",
  noRuns: "Envíe una, deje que el pool crezca y envíela otra vez: compare los tiempos.",
  blur: "Desenfocar", sharpen: "Enfocar", edges: "Bordes", grayscale: "Grises", sepia: "Sepia", brightness: "Más claro",
  contrast: "Contraste", rotate: "Girar",
  tile: "Tesela {n}", tileWaits: "Tesela {n}: en espera", tileRuns: "Tesela {n}: la hace {worker}", tileDone: "Tesela {n}: de {worker} en {time}",
  tileFailed: "La tesela {n} falló: {error}", worked: "{count} teselas, {time} cada una", workedOne: "1 tesela, {time}",
  ready: "Hay {tiles} teselas listas para enviar.", sending: "Se envían {tiles} teselas…", progress: "Han vuelto {done} de {tiles} teselas.",
  finished: "Listo: {tiles} teselas en {time} con {workers} workers.", finishedOne: "Listo: {tiles} teselas en {time} con 1 worker.",
  failed: "Fallaron {count} teselas: {error}",
  noWorkers: "Ahora no hay ningún worker. Las teselas esperan en la cola hasta que arranque uno.",
  notAnImage: "Su navegador no puede leer «{name}» como imagen. Elija un fichero JPEG, PNG o WebP.",
  tooLarge: "«{name}» es demasiado grande: {size} MB. El máximo son {max} MB. Elija una foto más pequeña.",
  noAnswer: "El servidor no responde. La página sigue intentándolo.",
  refused: "El servidor rechazó la imagen: {message}", busy: "El servidor está ocupado. La página vuelve a enviar la imagen en un momento.",
  gone: "Los resultados ya no están. Envíe la imagen otra vez.",
};

/** @typedef {keyof typeof EN} TextKey */

export const LANG = navigator.language.toLowerCase().startsWith("es") ? "es" : "en";
const TEXTS = LANG === "es" ? ES : EN;

/**
 * A text with its values in place of the names in braces.
 * @param {TextKey} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  return TEXTS[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Puts the texts into the page's elements with data-t. */
export function translatePage() {
  document.documentElement.lang = LANG;
  document.title = `WorkerPool: ${t("title")}`;
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t(/** @type {TextKey} */ (element.getAttribute("data-t")));
  }
}

/**
 * Seconds with one decimal, as the language writes them.
 * @param {number} ms
 */
export function seconds(ms) {
  return `${decimal(ms / 1000)} s`;
}

/**
 * A number with one decimal.
 * @param {number} value
 */
export function decimal(value) {
  return value.toLocaleString(LANG, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
