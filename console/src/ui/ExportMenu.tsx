import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Graph } from "../model/definition";
import { laidOut } from "../model/json";
import { Icon } from "./Icon";
import { ErrorNote } from "./parts";

/** Canvases of browsers end somewhere; a picture that is larger is made coarser. */
const PIXELS_MAX = 60_000_000;
const SIDE_MAX = 16_000;

/** Gives a definition away: as a picture, as its text, as a diagram. All of it is made here. */
export function ExportMenu({ name, text, graph }: { name: string; text: string; graph: Graph | null }) {
  const [isOpen, setOpen] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const onDown = (event: Event): void => {
      if (!place.current?.contains(event.target as Node)) setOpen(false);
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      setOpen(false);
      place.current?.querySelector("button")?.focus();
    };
    window.addEventListener("pointerdown", onDown);
    window.addEventListener("keydown", onKey);
    place.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    return () => {
      window.removeEventListener("pointerdown", onDown);
      window.removeEventListener("keydown", onKey);
    };
  }, [isOpen]);
  const save = useMutation({
    mutationFn: async (format: "svg" | "png" | "asl" | "mermaid"): Promise<void> => {
      if (format === "asl") return download(`${name}.asl.json`, new Blob([`${laidOut(text)}\n`], { type: "application/json" }));
      if (graph === null) throw new Error("there is no graph: the text is no definition");
      if (format === "mermaid") {
        const { mermaid } = await import("../model/mermaid");
        return download(`${name}.mmd`, new Blob([mermaid(graph)], { type: "text/plain" }));
      }
      const { pictureOf } = await import("../model/picture");
      const picture = pictureOf(graph, name, coloursOfPage());
      if (format === "svg") return download(`${name}.svg`, new Blob([picture.svg], { type: "image/svg+xml" }));
      download(`${name}.png`, await png(picture.svg, picture.width, picture.height));
    },
    onSuccess: () => setOpen(false),
  });
  const items = [
    ["svg", "SVG", "the graph, to scale"],
    ["png", "PNG", "the graph, as pixels"],
    ["asl", "ASL", "the definition as JSON"],
    ["mermaid", "Mermaid", "a state diagram as text"],
  ] as const;
  return (
    <div className="menu-place" ref={place}>
      <button type="button" className="button" aria-haspopup="menu" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name="download" size={14} /> Export
      </button>
      {isOpen && (
        <div
          className="menu"
          role="menu"
          aria-label="Export"
          tabIndex={-1}
          onKeyDown={(event) => {
            if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
            event.preventDefault();
            const all = [...event.currentTarget.querySelectorAll<HTMLElement>("[role=menuitem]")];
            const at = all.indexOf(document.activeElement as HTMLElement);
            all[(at + (event.key === "ArrowDown" ? 1 : -1) + all.length) % all.length]?.focus();
          }}
        >
          {items.map(([format, label, what]) => (
            <button key={format} type="button" role="menuitem" disabled={save.isPending || (graph === null && format !== "asl")} onClick={() => save.mutate(format)}>
              <strong>{label}</strong> <span className="quiet">{what}</span>
            </button>
          ))}
          {save.error && <ErrorNote error={save.error} />}
        </div>
      )}
    </div>
  );
}

function download(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The colours of the theme that is shown. */
function coloursOfPage() {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(name).trim();
  return { ground: of("--surface"), surface: of("--surface"), raised: of("--raised"), ink: of("--ink"), quiet: of("--ink-quiet"), line: of("--line-strong"), edge: of("--edge") };
}

async function png(svg: string, width: number, height: number): Promise<Blob> {
  const image = new Image();
  // The policy of the page lets pictures of `data:` in.
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const scale = Math.min(2, Math.sqrt(PIXELS_MAX / (width * height)), SIDE_MAX / width, SIDE_MAX / height);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("the browser draws no canvas");
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large for the browser"))), "image/png"));
}
