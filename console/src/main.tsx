import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { ApiError } from "./api/call";
import { applyTheme, chosenTheme } from "./ui/theme";
import "./styles/tokens.css";
import "./styles/ground.css";
import "./styles/parts.css";
import "./styles/pages.css";
import "./styles/lists.css";
import "./styles/execution.css";
import "./styles/session.css";

applyTheme(chosenTheme());

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      refetchOnWindowFocus: true,
      retry: (count, error) => error instanceof ApiError && error.isPassing && count < 4,
      retryDelay: (count) => Math.min(4_000, 300 * 2 ** count),
    },
    mutations: { retry: false },
  },
});

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no place for the console");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
