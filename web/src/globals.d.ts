declare module "*.css";
declare module "virtual:tabler.css";
declare module "@alpinejs/csp";
declare module "htmx-ext-sse";
