import { Component, type ReactNode } from "react";
import { forgetFailed } from "./parts";

/** Shows something else where what is inside breaks, or a part of the page does not load. Mounted anew, it tries again. */
export class Boundary extends Component<{ instead: ReactNode; children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override componentDidCatch(): void {
    forgetFailed();
  }

  override render(): ReactNode {
    return this.state.broken ? this.props.instead : this.props.children;
  }
}

/** A whole page that says one thing. */
export function Face(props: { title: string; more?: string; children?: ReactNode }): ReactNode {
  return (
    <main className="page-face" aria-live="polite">
      <h1>{props.title}</h1>
      {props.more && <p>{props.more}</p>}
      {props.children && <div className="exam-face-actions">{props.children}</div>}
    </main>
  );
}
