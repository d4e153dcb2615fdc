import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** The server that `npm run dev` shows; the built console is served by the binary itself. */
const server = process.env["STEPWELL_URL"] ?? "http://127.0.0.1:8333";

export default defineConfig({
  base: "/console/",
  plugins: [react()],
  build: {
    target: "es2022",
    // scripts/build.mjs empties it: `.gitignore` stays, so that cargo has a folder to watch.
    emptyOutDir: false,
    sourcemap: false,
    // Of the policy: a page of `data:` scripts or styles would not run.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: "manifest.json",
    rolldownOptions: {
      output: { entryFileNames: "assets/[name]-[hash].js", chunkFileNames: "assets/[name]-[hash].js" },
    },
  },
  server: {
    proxy: {
      // A page of the development server is another origin: its name is put in.
      "^/(?!console/)|^/console/(live|session|search|failures|project|map-run(/children)?)(?=[?]|$)": {
        target: server,
        changeOrigin: true,
        configure: (proxy) =>
          proxy.on("proxyReq", (request) => {
            if (request.getHeader("origin")) request.setHeader("origin", server);
          }),
      },
    },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
