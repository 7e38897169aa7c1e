// Times: relative, with the exact one on hover.

import { t } from "./state.js";

const LANGUAGE = document.documentElement.lang || "en";
const exact = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "full", timeStyle: "short" });
const clock = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "short" });
const weekday = new Intl.DateTimeFormat(LANGUAGE, { weekday: "long", day: "numeric", month: "long" });
const short = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short" });
const shortYear = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short", year: "numeric" });

/** Returns the moment in full. */
export const exactTime = (iso) => exact.format(new Date(iso));

/** Returns the time of day. */
export const clockTime = (iso) => clock.format(new Date(iso));

/** Returns a day without time. */
export function shortDate(iso) {
  const date = new Date(iso);
  return (date.getFullYear() === new Date().getFullYear() ? short : shortYear).format(date);
}

/** Returns the time of day, with the day where it is another one than today. */
export function shortTime(iso) {
  const time = clockTime(iso);
  return new Date(iso).toDateString() === new Date().toDateString() ? time : `${shortDate(iso)} ${time}`;
}

/** Returns how long ago it was, in the largest whole unit: "now", "4m", "2h", "3d". */
export function age(iso) {
  const minutes = Math.max(0, Math.floor((Date.now() - new Date(iso)) / 60000));
  if (minutes < 1) return t("now");
  if (minutes < 60) return t("minutes", { n: minutes });
  if (minutes < 60 * 24) return t("hours", { n: Math.floor(minutes / 60) });
  return t("days", { n: Math.floor(minutes / 1440) });
}

const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });

/** Returns how long ago it was, in words. */
export function ago(iso) {
  const minutes = Math.round((new Date(iso) - Date.now()) / 60000);
  if (minutes > -60) return relative.format(Math.min(0, minutes), "minute");
  if (minutes > -1440) return relative.format(Math.round(minutes / 60), "hour");
  return relative.format(Math.round(minutes / 1440), "day");
}

/** Returns how urgent a wait is: "" (fine), "soon" or "late". */
export function urgency(iso) {
  const minutes = (Date.now() - new Date(iso)) / 60000;
  if (minutes >= 60) return "late";
  return minutes >= 10 ? "soon" : "";
}

/** Returns a key that is the same for two moments of one day. */
export const dayKey = (iso) => new Date(iso).toDateString();

/** Returns the name of a day. */
export function dayName(iso) {
  const day = dayKey(iso);
  if (day === new Date().toDateString()) return t("today");
  if (day === new Date(Date.now() - 86400000).toDateString()) return t("yesterday");
  return weekday.format(new Date(iso));
}

/** Calls back every half minute while the page is seen, and when it is seen again. */
export function everyHalfMinute(call) {
  setInterval(() => document.hidden || call(), 30000);
  document.addEventListener("visibilitychange", () => document.hidden || call());
}
