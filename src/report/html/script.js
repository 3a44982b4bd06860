const box = document.getElementById("find");
const none = document.getElementById("none");
const cases = [...document.querySelectorAll(".case")];
const texts = cases.map(one => one.textContent.toLowerCase());
const sift = () => {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  cases.forEach((one, at) => one.classList.toggle("out", !words.every(word => texts[at].includes(word))));
  none.hidden = cases.length === 0 || cases.some(one => one.offsetParent !== null);
};
box.hidden = false;
box.addEventListener("input", sift);
document.querySelectorAll("input[name=show]").forEach(one => one.addEventListener("change", sift));
sift();
