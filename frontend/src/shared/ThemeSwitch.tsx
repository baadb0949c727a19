import { type ReactNode, useEffect, useState } from "react";
import { signIn as words } from "../strings";
import { applyTheme, storedTheme, type Theme, themes } from "./theme";

export function ThemeSwitch(): ReactNode {
  const [theme, setTheme] = useState<Theme>(storedTheme);
  useEffect(() => applyTheme(theme), [theme]);
  return (
    <label className="page-theme">
      <span className="page-visually-hidden">{words.theme}</span>
      <select className="page-select" value={theme} onChange={(event) => setTheme(event.target.value as Theme)}>
        {themes.map((name) => (
          <option key={name} value={name}>
            {words.themes[name]}
          </option>
        ))}
      </select>
    </label>
  );
}
