import { Link } from "wouter";
import { Empty, useTitle } from "../ui/parts";

export function NotFoundPage() {
  useTitle("No such page");
  return (
    <main className="page">
      <Empty title="There is no such page">
        <p>
          The address may be of another release. <Link href="/machines">State machines</Link> are a good place to go on.
        </p>
      </Empty>
    </main>
  );
}
