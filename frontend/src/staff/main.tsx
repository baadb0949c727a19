import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { applyTheme, storedTheme } from "../shared/theme";
import { StaffPage } from "./StaffPage";
import "../shared/page.css";
import "./styles.css";

applyTheme(storedTheme()); // before the first paint

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <StaffPage />
  </StrictMode>,
);
