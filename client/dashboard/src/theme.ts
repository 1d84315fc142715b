export type Theme = "system" | "light" | "dark";
export const kThemes: Theme[] = ["system", "light", "dark"];
const kKey = "ckptd-theme";

/** Storage may be closed to us: then the system's wish counts. */
export function currentTheme(): Theme {
  try {
    const stored = localStorage.getItem(kKey) as Theme;
    return kThemes.includes(stored) ? stored : "system";
  } catch {
    return "system";
  }
}

export function applyTheme(theme: Theme): void {
  if (theme === "system") {
    delete document.documentElement.dataset["theme"];
  } else {
    document.documentElement.dataset["theme"] = theme;
  }
  try {
    localStorage.setItem(kKey, theme);
  } catch {
    // for this visit only, then
  }
}
