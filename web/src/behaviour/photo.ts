// A photo is drawn smaller before it is sent, as JPEG, with nothing of the camera's notes (place, time) in it.
const LONGEST = 1280;
const QUALITY = 0.8;

export function photos(): void {
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field instanceof HTMLInputElement && field.matches("[data-smaller]") && field.files?.[0]) void replace(field, field.files[0]);
  });
}

async function replace(field: HTMLInputElement, file: File): Promise<void> {
  const photo = await smaller(file).catch(() => null); // no picture: the server says so
  if (!photo || field.files?.[0] !== file) return;
  const held = new DataTransfer();
  held.items.add(new File([photo], "anh.jpg", { type: photo.type }));
  field.files = held.files;
}

async function smaller(file: File): Promise<Blob | null> {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d")!.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
}
