// A line drawing for each product.

const DRAWINGS = {
  tea: '<path d="M12 40c0-18 12-28 40-28 0 26-14 38-34 38"/><path d="M12 54c4-14 14-22 26-27"/>',
  mug: '<path d="M12 18h32v26a8 8 0 0 1-8 8H20a8 8 0 0 1-8-8z"/><path d="M44 24h4a8 8 0 0 1 0 16h-4"/><path d="M22 12V7M30 12V5M38 12V7"/>',
  pot: '<path d="M14 30h34v8a14 14 0 0 1-14 14h-6a14 14 0 0 1-14-14z"/><path d="M48 34l10-6"/><path d="M20 30c0-6 4-10 11-10s11 4 11 10"/><path d="M31 20v-4"/><path d="M14 32H9v10"/>',
  tray: '<rect x="8" y="22" width="48" height="24" rx="5"/><path d="M22 22v-5h20v5M22 46v5h20v-5"/>',
  tin: '<rect x="16" y="20" width="32" height="36" rx="4"/><rect x="14" y="10" width="36" height="10" rx="3"/><path d="M24 34h16M24 42h10"/>',
  whisk: '<path d="M32 6v20"/><path d="M26 26h12l6 22a12 12 0 0 1-24 0z"/><path d="M32 26v34M28 28l-4 28M36 28l4 28"/>',
};

/** An element that shows a product. */
export function drawing(sku) {
  const art = document.createElement("div");
  art.className = "art";
  art.innerHTML =
    '<svg viewBox="0 0 64 64" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" ' +
    `stroke-linejoin="round" aria-hidden="true">${DRAWINGS[sku] ?? DRAWINGS.tea}</svg>`;
  return art;
}
