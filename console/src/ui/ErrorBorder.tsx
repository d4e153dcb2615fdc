import { Component } from "react";
import type { ReactNode } from "react";
import { ErrorNote } from "./parts";

interface Props {
  /** Where somebody is: another place is drawn anew. */
  readonly place: string;
  readonly children: ReactNode;
}

interface State {
  readonly place: string;
  readonly error: unknown;
}

/** A page that breaks says so and leaves the rest usable. */
export class ErrorBorder extends Component<Props, State> {
  override state: State = { place: this.props.place, error: null };

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { error };
  }

  static getDerivedStateFromProps({ place }: Props, before: State): State | null {
    return place === before.place ? null : { place, error: null };
  }

  override render(): ReactNode {
    if (this.state.error === null) return this.props.children;
    return (
      <main className="page">
        <ErrorNote error={this.state.error} onRetry={() => this.setState({ error: null })} />
      </main>
    );
  }
}
