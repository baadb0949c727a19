import type { Meta, StoryObj } from "@storybook/react-vite";
import { type Submission, TestResults } from "../src/package";
import { hiddenOnly, longOutput, ownInput, run, verdicts } from "./fixtures";

const meta: Meta = { title: "Package/TestResults" };
export default meta;

const results = (of: Submission, onLine?: (line: number) => void): StoryObj => ({
  render: () => <TestResults of={of} {...(onLine && { onLine })} />,
});

export const Accepted = results(verdicts.accepted);
export const WrongAnswer = results(verdicts.wrong_answer);
export const TimeLimit = results(verdicts.time_limit_exceeded);
export const MemoryLimit = results(verdicts.memory_limit_exceeded);
export const OutputLimit = results(verdicts.output_limit_exceeded);
export const RuntimeError = results(verdicts.runtime_error);
export const CompileError = results(verdicts.compilation_error);
export const CompileErrorWithLines = results(verdicts.compilation_error, () => {});
export const LongOutput = results(longOutput);
export const HiddenTestsOnly = results(hiddenOnly);
export const Run = results(run);
export const OwnInput = results(ownInput);
