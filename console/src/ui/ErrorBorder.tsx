import { Component } from "react";
import type { ReactNode } from "react";
import { ErrorNote } from "./parts";

/** A page that breaks says so and leaves the rest usable. */
export class ErrorBorder extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
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
