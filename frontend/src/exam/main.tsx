import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { applyTheme, storedTheme } from "../shared/theme";
import { exam as words } from "../strings";
import { Boundary, Face } from "./Boundary";
import { ExamPage } from "./ExamPage";
import "../package/styles.css";
import "../shared/page.css";
import "./exam.css";

applyTheme(storedTheme()); // before the first paint

const broken = (
  <Face title={words.faces.broken} more={words.faces.brokenMore}>
    <button type="button" className="page-button" onClick={() => location.reload()}>
      {words.faces.reload}
    </button>
  </Face>
);

const root = createRoot(document.getElementById("root") as HTMLElement, {
  // The faces say what went wrong; the console of an exam room is nobody's.
  onCaughtError: () => {},
});
root.render(
  <StrictMode>
    <Boundary instead={broken}>
      <ExamPage />
    </Boundary>
  </StrictMode>,
);
