import { useQueryState } from "./useQueryState";
import { Icon } from "./Icon";

/** A field whose text is in the address of the page, as `q` unless it has another name; `/` goes to it. */
export function SearchField(props: { label: string; placeholder: string; name?: string }) {
  const { label, placeholder, name = "q" } = props;
  const [get, set] = useQueryState();
  return (
    <label className="search">
      <Icon name="search" size={14} />
      <input
        data-search
        type="search"
        placeholder={placeholder}
        aria-label={label}
        value={get(name) ?? ""}
        onChange={(event) => set({ [name]: event.target.value })}
      />
      <kbd>/</kbd>
    </label>
  );
}
