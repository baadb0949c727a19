import type { Decorator, Preview } from "@storybook/react-vite";
import "../src/package/styles.css";
import "../src/shared/page.css";
import { applyTheme } from "../src/shared/theme";

/** The theme is an attribute of the document, as a host page sets it. The pages' own switch takes it from storage. */
const themed: Decorator = (story, { globals }) => {
  applyTheme(globals.theme);
  return story();
};

/** A component stands in a page of its own, with the landmark and the heading that any page has; pages bring theirs. */
const inPage: Decorator = (story, { parameters, title, name }) =>
  parameters.layout === "fullscreen" ? (
    story()
  ) : (
    <main>
      <h1 className="page-hint">
        {title}: {name}
      </h1>
      {story()}
    </main>
  );

const preview: Preview = {
  globalTypes: {
    theme: {
      description: "Theme",
      toolbar: { icon: "mirror", items: ["light", "dark"], dynamicTitle: true },
    },
  },
  initialGlobals: { theme: "light" },
  decorators: [inPage, themed],
  parameters: { layout: "padded", backgrounds: { disable: true } },
};

export default preview;
