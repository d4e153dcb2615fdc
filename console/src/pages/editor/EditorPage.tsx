import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useDeferredValue, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Redirect, useLocation } from "wouter";
import { functionsQuery, machineQuery, machinesQuery } from "../../api/queries";
import { states } from "../../api/call";
import type { States } from "../../api/generated";
import { editorPath, machinePath, nameOf, qualifierOf } from "../../model/arn";
import { draftOf, dropDraft, keepDraft } from "../../model/drafts";
import type { Draft } from "../../model/drafts";
import { openedText } from "../../model/document";
import type { Edit } from "../../model/document";
import { isFields, laidOut } from "../../model/json";
import { Choice } from "../../ui/Choice";
import type { Option } from "../../ui/Choice";
import { Dialog } from "../../ui/Dialog";
import { ExportMenu } from "../../ui/ExportMenu";
import { Icon } from "../../ui/Icon";
import { keptStorage } from "../../ui/kept";
import { isTyping } from "../../ui/keys";
import { useLeaving } from "../../ui/leaving";
import { ALL_DRAWN_MAX } from "../../ui/measured";
import { Crumbs, Empty, ErrorNote, Time, useTitle, Waiting } from "../../ui/parts";
import { StartDialog } from "../../ui/StartDialog";
import { useQueryState } from "../../ui/useQueryState";
import { codeExtensions, offerAnew, rangeOfFinding, showFindings } from "./code";
import { Editing, stateAt } from "./editing";
import type { EditOptions } from "./editing";
import { Findings } from "./Findings";
import { SaveDialog } from "./SaveDialog";
import type { Saved } from "./SaveDialog";
import { NEW_DEFINITION } from "./starting";
import { useValidation } from "./validation";
import type { Finding } from "./validation";
import "../../styles/editor.css";

const GraphEditor = lazy(() => import("./GraphEditor"));
const StateForm = lazy(() => import("./StateForm"));

/** A definition to edit: as text and as graph, side by side. Without an ARN, of a state machine that is to be created. */
export default function EditorPage({ arn }: { arn: string | null }) {
  const found = useQuery({ ...machineQuery(arn ?? ""), enabled: arn !== null });
  useTitle(arn === null ? "New state machine" : `Edit ${nameOf(arn)}`);
  // Versions are as they are; what is edited is what the next one is made of.
  const editable = arn?.split(":").slice(0, 7).join(":") ?? null;
  if (arn !== null && editable !== null && editable !== arn) return <Redirect to={editorPath(editable)} replace />;
  if (arn === null) return <Workbench arn={null} stored={NEW_DEFINITION} storedType="STANDARD" storedRevision={null} />;
  if (found.data === undefined) {
    return (
      <main className="page">
        <h1>{nameOf(arn)}</h1>
        {found.error ? <ErrorNote error={found.error} onRetry={() => void found.refetch()} /> : <Waiting what="the state machine" />}
      </main>
    );
  }
  const machine = found.data;
  return <Workbench arn={arn} stored={machine.definition} storedType={machine.type} storedRevision={machine.revisionId ?? null} />;
}

/** What a text began with. */
interface Base {
  readonly text: string;
  readonly revisionId: string | null;
}

const SHOWS: readonly Option<string>[] = [["both", "Both"], ["code", "Code"], ["graph", "Graph"]];

/** A draft is written after this much quiet. */
const DRAFT_QUIET_MS = 400;

function Workbench({ arn, stored, storedType, storedRevision }: { arn: string | null; stored: string; storedType: States.StateMachineType; storedRevision: string | null }) {
  const draftId = arn ?? "new";
  const [, navigate] = useLocation();
  const [get, set] = useQueryState();
  const [base, setBase] = useState<Base>(() => ({ text: openedText(stored), revisionId: storedRevision }));
  const [type, setType] = useState(storedType);
  const known = useKnown();
  const commands = useRef({ save: () => {}, format: () => {} });
  const editing = useEditing(base.text, () => known.current.names, () => commands.current);
  // What is read only now belongs to a list of offers that is open already.
  const { reads } = known.current;
  useEffect(() => offerAnew(editing.view), [editing, reads]);
  const { document: text, graph, cursor, canUndo, canRedo } = useSyncExternalStore(editing.subscribe, editing.snapshot);
  const isUnsaved = text.text !== base.text;

  // What the server says of the text, until the text is another one; what it refused to save too.
  const validation = useValidation(text, type);
  const [refused, setRefused] = useState<{ readonly text: string; readonly findings: readonly Finding[] } | null>(null);
  const findings = useMemo(() => {
    const more = refused?.text === text.text ? refused.findings : [];
    const isTold = (one: Finding): boolean => validation.findings.some((other) => other.pointer === one.pointer && other.message === one.message);
    return [...validation.findings, ...more.filter((one) => !isTold(one))];
  }, [validation.findings, refused, text]);
  useEffect(() => {
    if (validation.isCurrent) showFindings(editing, text, findings);
  }, [editing, text, findings, validation.isCurrent]);
  const errors = findings.filter((finding) => finding.severity === "error").length;

  // The state that is chosen: in the address, in the graph, and in the text.
  const chosen = get("state");
  // Who clicks into the text does not have it moved by a panel that opens; who chooses in the graph has the form beside it.
  const [hasForm, setForm] = useState(chosen !== null);
  const choose = useCallback(
    (name: string | null) => {
      setForm(name !== null);
      set({ state: name });
    },
    [set],
  );
  const chosenPointer = graph?.states.find((state) => state.name === chosen)?.pointer ?? null;
  const fromText = useRef<string | null>(null);
  useEffect(() => {
    editing.mark(chosenPointer, fromText.current !== chosen);
    fromText.current = null;
  }, [editing, chosenPointer, chosen]);
  useEffect(() => {
    if (!editing.view.hasFocus) return;
    const name = stateAt(graph, cursor)?.name ?? null;
    if (name === chosen || (name === null && cursor === "")) return;
    fromText.current = name;
    set({ state: name });
    // Only the cursor's way leads to another choice.
  }, [cursor]);

  // A large graph follows the letters when there is time; of a small one nobody sees a state that is not there any more.
  const later = useDeferredValue(graph);
  const drawn = graph !== null && graph.states.length > ALL_DRAWN_MAX ? later : graph;
  const definition = useMemo(() => (isFields(text.good?.value) ? text.good.value : {}), [text.good]);
  const edit = useCallback((edits: readonly Edit[], _label: string, options?: EditOptions) => editing.edit(edits, options), [editing]);

  const [dialog, setDialog] = useState<"save" | "save and start" | "start" | null>(get("start") ? "start" : null);
  commands.current = {
    save: () => {
      if (dialog === null && (isUnsaved || arn === null)) setDialog("save");
    },
    format: () => editing.replace(laidOut(text.text)),
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
      const key = event.key.toLowerCase();
      if (key === "s") {
        event.preventDefault();
        commands.current.save();
      } else if ((key === "z" || key === "y") && !isTyping(event.target)) {
        event.preventDefault();
        if (key === "y" || event.shiftKey) editing.redo();
        else editing.undo();
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [editing]);

  // What is not saved is kept by the browser, and offered at the next visit.
  const [offered, setOffered] = useState<Draft | null>(() => {
    const draft = draftOf(keptStorage(), draftId);
    return draft !== null && draft.text !== base.text ? draft : null;
  });
  const [isKept, setKept] = useState(true);
  const keep = useRef((): boolean => true);
  keep.current = () => {
    if (!isUnsaved) {
      if (offered === null) dropDraft(keptStorage(), draftId);
      return true;
    }
    const isDone = keepDraft(keptStorage(), draftId, { text: text.text, revisionId: base.revisionId, at: Date.now() });
    setKept(isDone);
    return isDone;
  };
  useEffect(() => {
    const timer = setTimeout(() => keep.current(), DRAFT_QUIET_MS);
    return () => clearTimeout(timer);
  }, [text, base, offered]);
  useEffect(() => {
    const now = (): void => void keep.current();
    window.addEventListener("pagehide", now);
    return () => {
      window.removeEventListener("pagehide", now);
      now();
    };
  }, []);
  const [leaves, setLeaves] = useState<(() => void) | null>(null);
  useLeaving(isUnsaved, (go) => setLeaves(() => go), () => keep.current());

  const saved = ({ arn: savedArn, revisionId, versionArn }: Saved, starts: boolean): void => {
    setBase({ text: text.text, revisionId });
    setSaid(versionArn === null ? "Saved as a new revision" : `Saved and published as version ${qualifierOf(versionArn)}`);
    dropDraft(keptStorage(), draftId);
    setDialog(starts ? "start" : null);
    if (arn === null) pending.current = `${editorPath(savedArn)}${starts ? "?start=1" : ""}`;
  };
  // The page of what was created is shown once nothing is unsaved here.
  const pending = useRef<string | null>(null);
  useEffect(() => {
    if (pending.current === null || isUnsaved) return;
    navigate(pending.current, { replace: true });
    pending.current = null;
  }, [isUnsaved, base, navigate]);
  const [said, setSaid] = useState<string | null>(null);
  const isOther = arn !== null && storedRevision !== base.revisionId && openedText(stored) !== base.text;
  const takeNewest = (): void => {
    setBase({ text: openedText(stored), revisionId: storedRevision });
    editing.replace(openedText(stored));
  };

  const jump = (finding: Finding): void => {
    setDialog(null);
    set({ show: get("show") === "graph" ? null : get("show") });
    editing.jump(rangeOfFinding(editing.snapshot().document, finding));
  };
  const shows = get("show") ?? "both";
  const name = arn === null ? "New state machine" : nameOf(arn);
  return (
    <main className="page editor">
      <Crumbs above={[["/machines", "State machines"], ...(arn === null ? [] : [[machinePath(arn), name] as const])]} here={arn === null ? "New" : "Edit"} />
      <div className="page-head">
        <div className="with-status">
          <h1>{name}</h1>
          <span className={`with-icon ${isUnsaved ? "tone-warn" : "quiet"}`} role="status">
            <Icon name={isUnsaved ? "pencil" : "check"} size={13} />
            {isUnsaved ? (isKept ? "Not saved; a draft is kept here" : "Not saved; too large to be kept as a draft") : (said ?? (arn === null ? "Nothing created yet" : "As saved"))}
          </span>
        </div>
        <div className="actions">
          <Choice label="What is shown" options={SHOWS} chosen={shows} onChoose={(show) => set({ show: show === "both" ? null : show })} />
          <button type="button" className="icon-button" onClick={editing.undo} disabled={!canUndo} aria-label="Undo" title="Undo (Ctrl Z)">
            <Icon name="undo" />
          </button>
          <button type="button" className="icon-button" onClick={editing.redo} disabled={!canRedo} aria-label="Redo" title="Redo (Ctrl Shift Z)">
            <Icon name="redo" />
          </button>
          <button type="button" className="button" onClick={commands.current.format} disabled={text.problem !== null} title="Lay the text out (Shift Alt F)">
            <Icon name="format" size={14} /> Format
          </button>
          <ExportMenu name={arn === null ? "definition" : name} text={text.text} graph={graph} />
          {isUnsaved || arn === null ? (
            <>
              <button type="button" className="button" onClick={() => setDialog("save and start")} disabled={text.problem !== null}>
                <Icon name="play" size={13} /> Save and start
              </button>
              <button type="button" className="button is-main" onClick={() => setDialog("save")} disabled={text.problem !== null} title="Save (Ctrl S)">
                {arn === null ? "Create" : "Save"}
              </button>
            </>
          ) : (
            <button type="button" className="button is-main" onClick={() => setDialog("start")}>
              <Icon name="play" size={13} /> Start execution
            </button>
          )}
        </div>
      </div>
      {offered !== null && (
        <div className="note tone-busy" role="status">
          <Icon name="pencil" />
          <div>
            <strong>There is a draft of yours, kept <Time at={offered.at} /></strong>
            {offered.revisionId !== base.revisionId && <p>It began with an older revision than the one that you see.</p>}
          </div>
          <button
            type="button"
            className="button"
            onClick={() => {
              editing.replace(offered.text);
              setOffered(null);
            }}
          >
            Take the draft
          </button>
          <button
            type="button"
            className="button"
            onClick={() => {
              if (!isUnsaved) dropDraft(keptStorage(), draftId);
              setOffered(null);
            }}
          >
            Drop it
          </button>
        </div>
      )}
      {isOther && (
        <div className="note tone-warn" role="alert">
          <Icon name="warning" />
          <div>
            <strong>Somebody else has saved a newer revision</strong>
            <p>{isUnsaved ? "Saving shows the difference to it first." : "What you see is the older one."}</p>
          </div>
          <button type="button" className="button" onClick={takeNewest}>
            Take the newer one{isUnsaved ? "; undo brings yours back" : ""}
          </button>
        </div>
      )}
      <div className={`workbench shows-${shows} ${hasForm && chosenPointer !== null ? "has-panel" : ""}`}>
        <CodeHost editing={editing} />
        <div className="workbench-graph">
          {drawn !== null && (
            <Suspense fallback={<Waiting what="the graph" />}>
              <GraphEditor definition={definition} graph={drawn} diagnostics={findings} chosen={chosen} onChoose={choose} onEdit={edit} onUndo={editing.undo} onRedo={editing.redo} />
            </Suspense>
          )}
          {drawn === null && (
            <Empty title="No graph yet">
              <p>The text is no definition: it is drawn as soon as it is JSON with states.</p>
            </Empty>
          )}
          {text.problem !== null && drawn !== null && (
            <p className="stale tone-warn with-icon">
              <Icon name="warning" size={14} /> The text is no JSON now; this is the latest that was. Edits wait for it.
            </p>
          )}
        </div>
        {hasForm && chosen !== null && chosenPointer !== null && graph !== null && (
          <aside className="panel" aria-label={`State ${chosen}`}>
            <Suspense fallback={<Waiting what="the state" />}>
              <StateForm definition={definition} graph={graph} name={chosen} diagnostics={findings} onEdit={edit} onChoose={choose} machineArn={arn} />
            </Suspense>
          </aside>
        )}
      </div>
      <Findings validation={validation} findings={findings} onJump={jump} />
      {(dialog === "save" || dialog === "save and start") && (
        <SaveDialog
          arn={arn}
          type={type}
          onType={setType}
          document={text}
          base={base}
          errors={errors}
          starts={dialog === "save and start"}
          onClose={() => setDialog(null)}
          onSaved={saved}
          onRefused={(list) => setRefused({ text: text.text, findings: list })}
        />
      )}
      {dialog === "start" && arn !== null && (
        <StartDialog
          machineArn={arn}
          isExpress={type === "EXPRESS"}
          input="{}"
          onClose={() => {
            setDialog(null);
            if (get("start")) set({ start: null });
          }}
        />
      )}
      {leaves !== null && (
        <Dialog title="Leave without saving?" onClose={() => setLeaves(null)}>
          <p>{isKept ? "Your text is not saved. A draft of it is kept by this browser, and offered when you come back." : "Your text is not saved, and it is too large to be kept as a draft: it is lost."}</p>
          <div className="actions">
            <span className="space" />
            <button type="button" className="button" data-first onClick={() => setLeaves(null)}>
              Stay
            </button>
            <button
              type="button"
              className="button is-danger"
              onClick={() => {
                setLeaves(null);
                leaves();
              }}
            >
              Leave
            </button>
          </div>
        </Dialog>
      )}
    </main>
  );
}

function CodeHost({ editing }: { editing: Editing }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    place.current?.append(editing.host);
    editing.view.requestMeasure();
  }, [editing]);
  return <div className="code" ref={place} />;
}

/** The editor of a page, which lives as long as the page does. */
function useEditing(text: string, known: () => ReturnType<typeof useKnown>["current"]["names"], commands: () => { save: () => void; format: () => void }): Editing {
  const [editing] = useState(() => {
    const made: Editing = new Editing(text, codeExtensions({ known, document: () => made?.snapshot().document ?? null, commands }));
    return made;
  });
  useEffect(
    () => () => {
      // Where effects run twice, the host is back in the page by then.
      setTimeout(() => {
        if (!editing.host.isConnected) editing.destroy();
      }, 0);
    },
    [editing],
  );
  return editing;
}

/** What there is on the server that a definition may name, and when it was read. */
function useKnown() {
  const functions = useQuery({ ...functionsQuery, staleTime: 30_000 });
  const machines = useQuery({ ...machinesQuery, staleTime: 30_000 });
  const activities = useQuery({ queryKey: ["activities"], queryFn: ({ signal }) => states("ListActivities", { maxResults: 1_000 }, signal), staleTime: 30_000 });
  const known = useRef({ names: { functions: [] as string[], machines: [] as string[], activities: [] as string[] }, reads: "" });
  known.current = {
    names: {
      functions: (functions.data?.items ?? []).flatMap((one) => (one.FunctionArn ? [one.FunctionArn] : [])),
      machines: (machines.data?.items ?? []).map((one) => one.stateMachineArn),
      activities: (activities.data?.activities ?? []).map((one) => one.activityArn),
    },
    reads: [functions, machines, activities].map((query) => query.dataUpdatedAt).join(" "),
  };
  return known;
}
