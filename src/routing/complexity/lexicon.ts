// Words that tell what a prompt is about and what it asks for, by group: the vocabulary of the features.

/** Words of each group, lower case. Where a group holds another language's words, they are of the plainest kind. */
const groups = {
  /** Asks for thought rather than for a fact. */
  reasoning: `why explain analyze analyse analysis compare contrast evaluate assess justify deduce infer
    reason reasoning think critique debug diagnose investigate tradeoff tradeoffs trade-off trade-offs
    implications implication consequences design architect optimize optimise optimal strategy strategies
    rigorous rigorously carefully thoroughly step-by-step root-cause hypothesis hypotheses argue argument
    reconcile derive determine edge-case edge-cases pros cons recommend refactor plan
    explica analiza compara demuestra pourquoi expliquez analysez comparez warum erkläre analysiere
    vergleiche beweise entwerfe projete analise diseña conçois concevoir`,
  proof: `prove proof disprove lemma theorem corollary induction contradiction qed conjecture axiom axioms
    formally démontrer démontrez demuestre beweisen`,
  math: `equation equations polynomial polynomials integral integrals derivative derivatives integer integers
    matrix matrices vector vectors eigenvalue eigenvalues eigenvector function functions graph prime primes factor factors
    divisible divisor remainder modulo probability triangle angle angles circle radius diameter
    perimeter area volume slope parabola logarithm sine cosine tangent exponent square root roots
    ring field group subgroup isomorphic homomorphism abelian cyclic finite set sets subset
    permutation permutations combination combinations mean median variance standard deviation regression
    converge convergence limit sequence series arithmetic geometric solve calculate compute evaluate
    simplify numerator denominator coefficient coefficients variable variables real complex domain
    inequality differential linear quadratic algebra algebraic geometry calculus topology`,
  arithmetic: `total altogether each per every twice double triple half third quarter times more less fewer
    remaining left sum difference product ratio percent percentage average cost costs price earns
    earn spend spends spent pays pay paid buys bought sells sold gives gave many much older younger
    longer shorter faster combined split equally rate discount profit tax tip interest remainder
    weekly daily hourly monthly`,
  logic: `if then unless implies therefore hence thus either neither nor both only statement statements
    true false valid invalid necessarily sufficient necessary premise premises conclusion conclude follows
    assume suppose given whether otherwise iff`,
  negation: `not no never none neither nor cannot can't don't doesn't isn't aren't wasn't won't without except
    least incorrect false unlikely fails fail lack lacks`,
  code: `function class method variable code python javascript typescript java rust golang c++ sql html css
    bash shell script regex api endpoint json yaml xml database query queries schema index compile
    compiler bug exception stack trace stacktrace thread threads mutex async await promise loop array
    string pointer recursion recursive algorithm complexity docker kubernetes git commit repository
    unit test tests pytest react node npm django flask sqlalchemy postgres postgresql mysql redis
    import module package library framework refactor implement deploy server client http cache
    concurrency distributed deadlock memory leak typeerror nullpointerexception segfault race races parser build ci caller callers goroutine interface`,
  legal: `law laws legal court courts judge jury plaintiff defendant statute statutory contract contracts liable
    liability negligence tort crime criminal guilty prosecution constitutional constitution amendment
    jurisdiction evidence testimony hearsay attorney lawyer lawsuit sue sued claim damages breach
    property deed lease tenant landlord trustee estate conveyed easement mortgage felony burglary
    murder robbery motion appeal ruling admissible clause compliance gdpr regulation indemnity`,
  medical: `patient patients physician doctor diagnosis disease diseases symptoms symptom treatment therapy blood
    pain fever clinical syndrome infection infections virus viral bacteria vaccine chronic acute
    cancer tumor cell cells gene genes genetic chromosome mutation protein proteins enzyme hormone
    brain heart liver kidney lung muscle nerve artery dose mg medication drug drugs pressure
    examination history laboratory studies hospital surgery pregnant year-old dementia diabetes`,
  finance: `cost costs revenue tax income asset assets cash stock bond bonds debt equity depreciation inventory
    account accounts accounting audit auditor financial budget investment interest loan bank market
    price prices demand supply inflation gdp monetary fiscal currency dollar dollars trade export
    exports unemployment elasticity payable receivable balance ledger partnership corporation`,
  science: `energy force mass velocity acceleration temperature pressure current voltage resistance circuit
    frequency wave light electron electrons proton ion ions atom atoms molecule reaction acid base
    bond solution equilibrium oxidation magnetic electric quantum species evolution organism
    ecosystem membrane photosynthesis dna rna chemical experiment hypothesis measurement
    transformer motor signal isotope nmr spin kinetic thermal entropy`,
  social: `psychologist psychology behavior behaviour cognitive social child children adolescent anxiety
    depression personality therapist learning conditioning memory perception motivation self
    development group groups culture cultural religion religious gender sexual marriage family
    identity attitude emotion emotional society sociological`,
  history: `war wars century government president congress policy political state states nation national
    treaty empire colonial revolution party election rights security military foreign international
    power nuclear soviet british american europe population civilization ancient archaeological
    bce ad site evidence excavation king trade slavery`,
  moral: `wrong right moral morally ethical ethics should ought fair unjust duty virtue
    scenario scenarios guilty responsible immoral`,
  planning: `plan roadmap schedule itinerary milestones strategy migration migrate architecture rollout
    requirements stakeholders timeline budget phases prioritize deliverables proposal specification`,
  creative: `story poem haiku song lyrics joke slogan tagline limerick blog caption essay novel character
    creative tweet`,
  /** Greetings and thanks: nothing to solve. */
  smalltalk: `hi hello hey thanks thank bye goodbye morning evening ok okay cool great yes yeah please lol
    hola bonjour hallo ciao gracias merci danke`,
  /** Takes the text as it is and turns it into another form. */
  transform: `translate translation summarize summarise summary rewrite rephrase paraphrase proofread
    correct grammar spelling shorten format convert extract list classify label categorize sentiment
    tag bullet tl;dr tldr fix rename capitalize uppercase lowercase sort
    traduce traduis übersetze resume résume`,
  firstPerson: `i me my mine myself we our us`,
  thirdPerson: `he she his her him they their them`,
  connective: `however although because therefore since while whereas despite moreover furthermore
    nevertheless consequently instead whenever until after before when though`,
  quantifier: `each every all some any most many few several both exactly only least`,
  modal: `could would might may should must shall can will`,
  condition: `must exactly without ensure only never always avoid constraint constraints require requires
    required limit maximum minimum guarantee within`,
  comparative: `more less better best worse worst higher lower greater smaller larger most least fewer than
    increase increases decrease decreases increased decreased`,
  abstract: `approach concept theory theories perspective principle framework factor factors process
    system systems model models effect effects role relationship structure method approaches
    according refers describes explains characterized associated`,
  time: `hour hours minute minutes day days week weeks month months year years today tomorrow
    yesterday morning afternoon night monday tuesday wednesday thursday friday saturday sunday`,
  unit: `cm mm km kg meters feet inches pounds ounces miles gallons liters grams cups degrees
    dollars cents percent watts volts ohms`,
  /** Words too common to tell anything. */
  function: `the of and to in a is that for it as was on with be by at or from this an are which but not
    have had has were been one you all will would there their what so up out if about who get
    which me when make can like no just him know take into your some them than then now look
    only come its over also back after use how our way even new want because any these give
    most us do does did he she they we i my his her being between under through each other
    following must should could may such more very where why during before`,
} as const;

/** A group of words. */
export type WordGroup = keyof typeof groups;

export const wordGroups = Object.keys(groups) as WordGroup[];

/** Bits of the groups a word stands in; 0 for a word of none. */
export function groupsOf(word: string): number {
  return bits.get(word) ?? 0;
}

function bitOf(group: WordGroup): number {
  return 1 << wordGroups.indexOf(group);
}

const bits = new Map<string, number>();
for (const group of wordGroups) {
  for (const word of groups[group].split(/\s+/)) {
    bits.set(word, (bits.get(word) ?? 0) | bitOf(group));
  }
}
