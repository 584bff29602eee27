/** The page's own texts and formats. */
import { formatSpan, formatTime, text, type Params } from "./catalogue";
import type { Metric } from "./store";

/** A text of the page, `page-KEY` of the catalogue. */
export function t(key: string, params?: Params): string {
  return text(`page-${key}`, params) ?? key;
}

/** The label of a reason; an unknown reason is its own label. */
export function reasonText(reason: string): string {
  return text(`label-${reason}`) ?? reason;
}

/** A span in whole seconds. */
export function formatDuration(seconds: number): string {
  return formatSpan(Math.max(0, Math.floor(seconds)) * 1000);
}

/** A wait in seconds as a metric, in minutes where it is long. */
export function formatWait(n: Metric | undefined): string {
  return typeof n === "number" && n >= 120 ? formatDuration(n) : formatMetric(n, " s");
}

/** `4 s ago`, `hace 4 s`. */
export function formatAge(millis: number): string {
  return t("ago", { span: formatDuration(millis / 1000) });
}

/** The local time of day, with the date where it is not today. */
export function formatTimestamp(millis: number, now: number): string {
  const at = new Date(millis);
  const today = at.toDateString() === new Date(now).toDateString();
  return today ? formatTime(millis) : `${at.getDate()}/${at.getMonth() + 1} ${formatTime(millis, false)}`;
}

/** A metric as text: unavailable is `?`, never 0; unsupported is `–`. */
export function formatMetric(n: Metric | undefined, unit = ""): string {
  return typeof n === "number" ? `${n}${unit}` : n ? "–" : "?";
}
