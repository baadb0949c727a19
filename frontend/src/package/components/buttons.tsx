import type { ReactNode } from "react";
import { buttons } from "../../strings";
import type { Phase, UseSubmission } from "../use-submission";

export interface ButtonProps {
  run: UseSubmission;
  code: string;
  /** The student's own input: the program's output is shown, nothing is compared. For Run only. */
  stdin?: string | undefined;
  /** Where it may not be pressed now, whatever the state: the attempt is over, say. */
  disabled?: boolean;
}

const UNDER_WAY: Partial<Record<Phase, string>> = { sending: buttons.sending, queued: buttons.queued };

/** Runs the code on the sample tests, or on the student's own input. It does not count. */
export function RunButton(props: ButtonProps) {
  return (
    <StateButton
      {...props}
      label={buttons.run}
      judging={buttons.running}
      cancelLabel={buttons.cancelRun}
      className="rc-button"
    />
  );
}

/** Sends the code in to be judged. It counts. */
export function SubmitButton(props: Omit<ButtonProps, "stdin">) {
  return (
    <StateButton
      {...props}
      label={buttons.submit}
      judging={buttons.judging}
      cancelLabel={buttons.cancelSubmit}
      className="rc-button rc-button--primary"
    />
  );
}

interface StateButtonProps extends ButtonProps {
  label: string;
  /** Its label while the program runs. */
  judging: string;
  cancelLabel: string;
  className: string;
}

function StateButton({
  run,
  code,
  stdin,
  disabled = false,
  label,
  judging,
  cancelLabel,
  className,
}: StateButtonProps): ReactNode {
  const waiting = run.phase === "queued" || run.phase === "sending";
  const cancelling = waiting && run.unwanted;
  const busy = cancelling ? buttons.cancelling : run.phase === "processing" ? judging : UNDER_WAY[run.phase];
  const off = disabled || busy !== undefined;
  const press = () => {
    if (!off) run.send(code, stdin === undefined ? {} : { stdin });
  };
  return (
    <span className="rc-buttons">
      {/* aria-disabled, not disabled: whoever pressed it by keyboard keeps the focus */}
      <button type="button" className={className} aria-disabled={off} onClick={press}>
        {busy ?? label}
      </button>
      {waiting && !cancelling && (
        <button type="button" className="rc-button rc-button--quiet" aria-label={cancelLabel} onClick={run.cancel}>
          {buttons.cancel}
        </button>
      )}
    </span>
  );
}
