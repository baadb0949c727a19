import type { Meta, StoryObj } from "@storybook/react-vite";
import { type Attempt, AttemptSummary } from "../src/package";
import { attempt, freshAttempt, fullAttempt, lastCounts, overAttempt } from "./fixtures";

const meta: Meta = { title: "Package/AttemptSummary" };
export default meta;

const summary = (shown: Attempt): StoryObj => ({ render: () => <AttemptSummary attempt={shown} /> });

export const InBetween = summary(attempt());
export const NothingYet = summary(freshAttempt);
export const AllPoints = summary(fullAttempt);
export const LastCounts = summary(lastCounts);
export const Over = summary(overAttempt);
