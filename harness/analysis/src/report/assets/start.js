// Everything in its place.
colours();
witnesses();
legend();
trees();
arrange();
fit();
renew();
if (!document.getElementById('difference')) document.querySelector('nav a[href="#difference"]').remove();
document.getElementById('idle').hidden = !report.idle.length;
if (!document.getElementById('wakers')) document.querySelector('nav a[href="#wakers"]').remove();
if (!report.calls.length) document.querySelector('nav a[href="#calls"]').remove();
new ResizeObserver(paint).observe(canvas.parentElement);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { colours(); arrange(); });
document.documentElement.dataset.ready = 'true';
