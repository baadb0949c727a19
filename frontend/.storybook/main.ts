import type { StorybookConfig } from "@storybook/react-vite";

const config: StorybookConfig = {
  stories: ["../gallery/*.stories.tsx"],
  framework: "@storybook/react-vite",
  core: { disableTelemetry: true, disableWhatsNewNotifications: true },
  typescript: { reactDocgen: false },
  // The pages' two entries are not the gallery's.
  viteFinal: (vite) => ({ ...vite, build: { ...vite.build, rolldownOptions: {}, chunkSizeWarningLimit: 2000 } }),
};

export default config;
