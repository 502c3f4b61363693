declare module "*.css";
declare module "virtual:tabler.css";
declare module "htmx-ext-sse";
