import { type FormEvent, type ReactNode, useId, useState } from "react";
import { signIn as words } from "../strings";
import { cleanToken, type Kind, type LocalStack, type Session, subjectOf } from "./session";

/** The whole first page: a sample student of the local stack, or a token. */
export function SignIn(props: {
  kind: Kind;
  local: LocalStack | null;
  /** Known already where a link brought a token, but no attempt. */
  token?: string;
  onSignIn: (session: Session) => void;
}): ReactNode {
  const { kind, local, token = "", onSignIn } = props;
  const samples =
    kind === "student"
      ? (local?.students ?? [])
      : local?.staff
        ? [{ name: local.staff.name, attempt_id: "", token: local.staff.token }]
        : [];
  return (
    <main className="page-signin">
      <h1>{words.title(kind)}</h1>
      {samples.length > 0 && (
        <section aria-labelledby="page-signin-samples">
          <h2 id="page-signin-samples">{words.samples(kind)}</h2>
          <ul className="page-signin-samples">
            {samples.map((sample) => (
              <li key={sample.name}>
                <button
                  type="button"
                  className="page-button"
                  onClick={() => onSignIn({ token: sample.token, attemptId: sample.attempt_id })}
                >
                  {sample.name}
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      <TokenForm token={token} askAttempt={kind === "student"} submitLabel={words.signIn} onSubmit={onSignIn} />
      <p className="page-hint">{words.whereFrom(kind)}</p>
    </main>
  );
}

/** Plain above everything while the page talks to a local stack. */
export function LocalBanner(): ReactNode {
  return (
    <aside className="page-local" aria-label={words.localLabel}>
      {words.local}
    </aside>
  );
}

/**
 * The token is no longer good. The page stays as it is beneath: what is typed is kept, what is under way goes on with
 * the new token. Somebody else's token is not taken: their work is kept apart.
 */
export function SignedOut(props: { kind: Kind; session: Session; onSignIn: (session: Session) => void }): ReactNode {
  const { kind, session, onSignIn } = props;
  const [other, setOther] = useState<string | null>(null);
  const heading = useId();
  const own = subjectOf(session.token);
  return (
    <section className="page-signedout" aria-labelledby={heading}>
      <h2 id={heading}>{words.signedOut}</h2>
      <p role="alert">{words.nothingLost(kind)}</p>
      <TokenForm
        askAttempt={false}
        submitLabel={words.goOn}
        onSubmit={({ token }) => {
          const subject = subjectOf(token);
          if (own !== null && subject !== own) setOther(subject ?? words.unknown);
          else onSignIn({ token, attemptId: session.attemptId });
        }}
      />
      {other !== null && own !== null && (
        <p className="page-error" role="alert">
          {words.otherStudent(other, own)}
        </p>
      )}
    </section>
  );
}

function TokenForm(props: {
  token?: string;
  askAttempt: boolean;
  submitLabel: string;
  onSubmit: (session: Session) => void;
}): ReactNode {
  const [token, setToken] = useState(props.token ?? "");
  const [attemptId, setAttemptId] = useState("");
  const [missing, setMissing] = useState<"token" | "attempt" | null>(null);
  const id = useId();

  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    const clean = cleanToken(token);
    const wrong = !clean ? "token" : props.askAttempt && !attemptId.trim() ? "attempt" : null;
    setMissing(wrong);
    if (wrong) document.getElementById(`${id}${wrong}`)?.focus();
    else props.onSubmit({ token: clean, attemptId: attemptId.trim() });
  };
  const fieldProps = (name: "token" | "attempt") => ({
    id: `${id}${name}`,
    "aria-invalid": missing === name,
    "aria-describedby": missing === name ? `${id}missing` : undefined,
    autoComplete: "off",
    autoCapitalize: "none",
    autoCorrect: "off",
    spellCheck: false,
    className: "page-field",
  });
  return (
    <form className="page-form" onSubmit={onSubmit} noValidate>
      <label htmlFor={`${id}token`}>{words.token}</label>
      <textarea
        {...fieldProps("token")}
        rows={props.askAttempt ? 3 : 2}
        value={token}
        onChange={(event) => setToken(event.target.value)}
      />
      {props.askAttempt && (
        <>
          <label htmlFor={`${id}attempt`}>{words.attempt}</label>
          <input {...fieldProps("attempt")} value={attemptId} onChange={(event) => setAttemptId(event.target.value)} />
        </>
      )}
      {missing && (
        <p className="page-error" role="alert" id={`${id}missing`}>
          {words.missing[missing]}
        </p>
      )}
      <button type="submit" className="page-button page-button-primary">
        {props.submitLabel}
      </button>
    </form>
  );
}
