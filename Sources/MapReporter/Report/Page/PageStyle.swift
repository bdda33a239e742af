/// The page's style: one column on a phone, quiet on paper, colours from ``FigurePalette``.
enum PageStyle {
  static let css = """
    :root{--shade:rgba(96,108,122,.5)}
    *{box-sizing:border-box}
    html{-webkit-text-size-adjust:100%}
    body{margin:0;background:var(--surface);color:var(--text);font:16px/1.55 system-ui,"Segoe UI",Helvetica,Arial,sans-serif}
    main{max-width:1180px;margin:0 auto;padding:1.5rem 1.25rem 4rem}
    header h1{font-size:1.15rem;margin:0;font-weight:600}
    .subtitle{margin:.1rem 0 0;color:var(--muted);font-size:.92rem}
    section{margin-top:2.6rem}
    h2{font-size:1.3rem;line-height:1.25;margin:0 0 .5rem}
    h3{font-size:1.05rem;margin:1.6rem 0 .4rem}
    p{margin:.4rem 0;max-width:72ch}
    a{color:var(--accent)}
    .answer{margin-top:1.4rem;border-top:3px solid var(--accent);padding-top:1.1rem}
    .answer h2{font-size:clamp(1.55rem,1.1rem + 2.2vw,2.3rem);letter-spacing:-.01em}
    .lead{font-size:1.05rem}
    .warning{border-left:3px solid var(--accent);padding-left:.7rem}
    .small{font-size:.9rem;color:var(--muted)}
    .tiles{list-style:none;display:grid;grid-template-columns:repeat(3,minmax(0,12rem));gap:.6rem 1.2rem;margin:1rem 0;padding:0}
    .tiles li{display:flex;flex-direction:column}
    .tiles b{font-size:clamp(1.35rem,1rem + 1.6vw,1.8rem);line-height:1.15;font-variant-numeric:tabular-nums}
    .tiles span{color:var(--muted);font-size:.88rem;line-height:1.3}
    figure{margin:.8rem 0}
    figure svg{display:block;width:100%;height:auto;max-width:640px}
    figure.strip svg{max-width:600px}
    .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:.5rem 2rem;align-items:start}
    .answer>div{min-width:0}
    .beside{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:0 2.4rem}
    .task>div{min-width:0}
    .task p,.task+p,.subtitle{max-width:none}
    .scroll{overflow-x:auto;margin-top:.8rem;background:linear-gradient(90deg,var(--surface) 40%,transparent) 0 0/4rem 100%,linear-gradient(270deg,var(--surface) 40%,transparent) 100% 0/4rem 100%,linear-gradient(90deg,var(--shade),transparent) 0 0/1.4rem 100%,linear-gradient(270deg,var(--shade),transparent) 100% 0/1.4rem 100%;background-repeat:no-repeat;background-attachment:local,local,scroll,scroll}
    .scroll:focus-visible{outline:2px solid var(--accent)}
    code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.95em;background:var(--grid);padding:.15em .4em;border-radius:3px;overflow-wrap:anywhere;user-select:all}
    .figures + .small{margin-top:1.4rem}
    table{width:100%;border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
    th,td{padding:.35rem .7rem;text-align:right;border-bottom:1px solid var(--grid);vertical-align:top;white-space:nowrap}
    thead th{font-weight:600;border-bottom:1px solid var(--baseline)}
    thead th[colspan]{text-align:center}
    thead tr:first-child th[colspan]{border-bottom:1px solid var(--grid)}
    thead tr:last-child th{font-weight:400;color:var(--muted)}
    th[scope=row],thead tr:first-child th:first-child{text-align:left;font-weight:400;vertical-align:bottom}
    th[scope=row]{vertical-align:top;position:sticky;left:0;background:var(--surface);white-space:normal;min-width:8.2rem;padding-left:0}
    thead tr:first-child th:first-child{padding-left:0}
    td small,th small{display:block;color:var(--muted);font-size:.78rem;font-weight:400}
    td.best{font-weight:700}
    tr.reference th,tr.reference td,tr.random th,tr.random td{color:var(--muted)}
    dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr));gap:0 2rem;margin:.4rem 0}
    dl div{display:flex;gap:1rem;justify-content:space-between;border-bottom:1px solid var(--grid);padding:.35rem 0}
    dt{color:var(--muted)}
    dd{margin:0;text-align:right;overflow-wrap:anywhere}
    .files{list-style:none;padding:0;margin:.4rem 0}
    .files li{padding:.25rem 0}
    .files a{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9rem;overflow-wrap:anywhere}
    .files span{color:var(--muted);font-size:.92rem;margin-left:.6rem}
    @media (min-width:960px){.answer{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:0 2.4rem}.answer h2,.answer>p,.answer>ul{grid-column:1/-1}.pair{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:0 2.4rem;align-items:start}section>p{max-width:none}}
    @media (max-width:600px){th,td{padding:.35rem .45rem}th[scope=row]{min-width:6.4rem}.scroll{border-right:1px solid var(--grid)}}
    @media print{body{font-size:11pt}table{font-size:7.5pt}th,td{padding:.2rem .35rem}main{max-width:none;padding:0}figure,table,dl,.answer{break-inside:avoid}.figures{grid-template-columns:1fr 1fr}.scroll{overflow:visible}section{margin-top:1.6rem}a{color:inherit}h2,h3,section>p{break-after:avoid}}
    """
}
