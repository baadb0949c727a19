import type { Meta, StoryObj } from "@storybook/react-vite";
import { RunButton, SubmitButton, type UseSubmission } from "../src/package";
import { code } from "./fixtures";
import { states } from "./states";

const meta: Meta = { title: "Package/Buttons" };
export default meta;

const both = (run: UseSubmission, disabled = false): StoryObj => ({
  render: () => (
    <div style={{ display: "flex", flexWrap: "wrap", gap: 16 }}>
      <RunButton run={{ ...run, runType: "run" }} code={code} disabled={disabled} />
      <SubmitButton run={run} code={code} disabled={disabled} />
    </div>
  ),
});

export const Idle = both(states.Idle);
export const Disabled = both(states.Idle, true);
export const Sending = both(states.Sending);
export const Queued = both(states.Queued);
export const Processing = both(states.Processing);
export const Completed = both(states.Accepted);
export const Failed = both(states.Failed);
export const Cancelled = both(states.Cancelled);
export const Superseded = both(states.Superseded);
export const Refused = both(states.Refused);
