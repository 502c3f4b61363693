// A photo as it is sent: drawn smaller, as JPEG, with nothing of the camera's notes (place, time) in it.

const LONGEST = 1280;
const QUALITY = 0.8;

/** The photo as Base64. */
export async function smaller(file: File): Promise<string> {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d")!.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", QUALITY).split(",")[1]!;
}
