//! One crate's files, what each defines, names and calls.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::{self, Visit};

/// Edges from a file to the files it uses, by name.
pub type Edges = BTreeMap<String, BTreeSet<String>>;

/// One module: inline ones share their file's name.
#[derive(Default)]
struct Module {
    file: String,
    /// Names that items of this module define.
    defines: BTreeSet<String>,
    /// Names that `use` brings here, with the absolute path each stands for.
    brings: BTreeMap<String, Vec<String>>,
    /// Modules that `use …::*` opens here.
    opens: Vec<Vec<String>>,
    /// Every absolute path this module names.
    names: Vec<Vec<String>>,
}

/// A crate read whole.
#[derive(Default)]
pub struct House {
    modules: BTreeMap<Vec<String>, Module>,
    /// (type, method) and the file that defines it.
    methods: BTreeMap<(String, String), BTreeSet<String>>,
    /// (file, type) and the methods called there on `self`, `Self` or a parameter of that type.
    called: BTreeMap<(String, String), BTreeSet<String>>,
}

impl House {
    /// Reads the crate in `folder`, from `src/lib.rs` through the modules it declares.
    pub fn read(folder: &Path) -> Self {
        let mut house = Self::default();
        let source = folder.join("src");
        house.file(&[], "lib", &|name| {
            let name = name.strip_prefix("lib/").unwrap_or(name);
            [source.join(format!("{name}.rs")), source.join(name).join("mod.rs")]
                .iter()
                .find_map(|path| std::fs::read_to_string(path).ok())
        });
        house
    }

    /// A crate of these files, for the gauge's own test.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut house = Self::default();
        let text = |name: &str| files.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned());
        house.file(&[], "lib", &text);
        house
    }

    fn file(&mut self, path: &[String], name: &str, text: &dyn Fn(&str) -> Option<String>) {
        let source = text(name).unwrap_or_else(|| panic!("{name}: no such file"));
        let parsed = syn::parse_file(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
        self.module(path, name, &parsed.items, text);
    }

    fn module(&mut self, path: &[String], file: &str, items: &[syn::Item], text: &dyn Fn(&str) -> Option<String>) {
        let mut reader = Reader {
            path: path.to_vec(),
            module: Module::default(),
            inside: None,
            parameters: BTreeMap::new(),
            house: self,
            file: file.to_owned(),
        };
        reader.module.file = file.to_owned();
        for item in items {
            reader.visit_item(item);
        }
        let module = reader.module;
        self.modules.insert(path.to_vec(), module);
        for item in items {
            let syn::Item::Mod(inner) = item else { continue };
            if for_tests(&inner.attrs) {
                continue;
            }
            let mut below = path.to_vec();
            below.push(inner.ident.to_string());
            match &inner.content {
                Some((_, items)) => self.module(&below, file, items, text),
                None => self.file(&below, &format!("lib/{}", below.join("/")), text),
            }
        }
    }

    /// Which file each file imports from. What a module takes of the modules below it is left out: a
    /// room knows its own cupboards.
    pub fn imports(&self) -> Edges {
        let mut edges = Edges::new();
        for module in self.modules.values() {
            for name in &module.names {
                if let Some(file) = self.home(name, 0)
                    && file != module.file
                    && !is_below(&file, &module.file)
                {
                    edges.entry(module.file.clone()).or_default().insert(file);
                }
            }
        }
        edges
    }

    /// Which file calls a type's methods that other files define, those below it left out.
    pub fn calls(&self) -> Edges {
        let mut edges = Edges::new();
        for ((file, owner), called) in &self.called {
            for method in called {
                let homes = self.methods.get(&(owner.clone(), method.clone()));
                for home in homes.into_iter().flatten().filter(|home| *home != file && !is_below(home, file)) {
                    edges.entry(file.clone()).or_default().insert(home.clone());
                }
            }
        }
        edges
    }

    /// How many methods each type has, wherever they stand; those of traits are left out.
    pub fn sizes(&self) -> BTreeMap<&str, usize> {
        let mut sizes = BTreeMap::new();
        for (owner, _) in self.methods.keys() {
            *sizes.entry(owner.as_str()).or_default() += 1;
        }
        sizes
    }

    /// The file that defines what an absolute path names, re-exports seen through.
    fn home(&self, path: &[String], depth: usize) -> Option<String> {
        if depth > 8 {
            return None;
        }
        let mut at: Vec<String> = Vec::new();
        for (index, segment) in path.iter().enumerate() {
            let module = self.modules.get(&at)?;
            let mut below = at.clone();
            below.push(segment.clone());
            if self.modules.contains_key(&below) {
                at = below;
                continue;
            }
            if module.defines.contains(segment) {
                return Some(module.file.clone());
            }
            if let Some(target) = module.brings.get(segment) {
                let mut whole = target.clone();
                whole.extend_from_slice(&path[index + 1..]);
                return if whole == path { None } else { self.home(&whole, depth + 1) };
            }
            return module.opens.iter().find_map(|open| {
                let mut whole = open.clone();
                whole.extend_from_slice(&path[index..]);
                self.defined(open, segment).then(|| self.home(&whole, depth + 1)).flatten()
            });
        }
        self.modules.get(&at).map(|module| module.file.clone())
    }

    fn defined(&self, module: &[String], name: &str) -> bool {
        self.modules.get(module).is_some_and(|module| module.defines.contains(name) || module.brings.contains_key(name))
    }
}

/// Reads one module's items.
struct Reader<'a> {
    path: Vec<String>,
    file: String,
    module: Module,
    /// The type whose `impl` is being read.
    inside: Option<String>,
    /// Types of the parameters of the function that is being read, by name.
    parameters: BTreeMap<String, String>,
    house: &'a mut House,
}

impl Reader<'_> {
    /// The absolute path that a relative one stands for; none where it leaves the crate.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut at = self.path.clone();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => {
                at.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            _ => {}
        }
        at.extend_from_slice(rest);
        Some(at)
    }

    fn use_tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let mut whole = before.to_vec();
        match tree {
            syn::UseTree::Path(path) => {
                whole.push(path.ident.to_string());
                self.use_tree(&path.tree, &whole);
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(tree, before)),
            syn::UseTree::Name(name) if name.ident == "self" => self.bring(before, before.last().cloned()),
            syn::UseTree::Name(name) => {
                whole.push(name.ident.to_string());
                self.bring(&whole, Some(name.ident.to_string()));
            }
            syn::UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    whole.push(rename.ident.to_string());
                }
                self.bring(&whole, Some(rename.rename.to_string()));
            }
            syn::UseTree::Glob(_) => {
                if let Some(absolute) = self.absolute(before) {
                    self.module.names.push(absolute.clone());
                    self.module.opens.push(absolute);
                }
            }
        }
    }

    fn bring(&mut self, path: &[String], name: Option<String>) {
        if let Some(absolute) = self.absolute(path) {
            self.module.names.push(absolute.clone());
            if let Some(name) = name {
                self.module.brings.insert(name, absolute);
            }
        }
    }

    fn define(&mut self, item: &syn::Item) {
        let name = match item {
            syn::Item::Const(item) => &item.ident,
            syn::Item::Enum(item) => &item.ident,
            syn::Item::Fn(item) => &item.sig.ident,
            syn::Item::Static(item) => &item.ident,
            syn::Item::Struct(item) => &item.ident,
            syn::Item::Trait(item) => &item.ident,
            syn::Item::Type(item) => &item.ident,
            syn::Item::Union(item) => &item.ident,
            syn::Item::Macro(syn::ItemMacro { ident: Some(ident), .. }) => ident,
            _ => return,
        };
        self.module.defines.insert(name.to_string());
    }

    fn call(&mut self, owner: Option<String>, method: String) {
        if let Some(owner) = owner {
            self.house.called.entry((self.file.clone(), owner)).or_default().insert(method);
        }
    }

    /// Reads a function, its parameters known.
    fn within(&mut self, signature: &syn::Signature, read: impl FnOnce(&mut Self)) {
        let typed = signature.inputs.iter().filter_map(|input| match input {
            syn::FnArg::Typed(typed) => match &*typed.pat {
                syn::Pat::Ident(name) => Some((name.ident.to_string(), type_of(&typed.ty)?)),
                _ => None,
            },
            syn::FnArg::Receiver(_) => None,
        });
        let outside = std::mem::replace(&mut self.parameters, typed.collect());
        read(self);
        self.parameters = outside;
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.define(item);
        match item {
            // The module's own turn comes.
            syn::Item::Mod(_) => {}
            syn::Item::Use(item) if for_tests(&item.attrs) => {}
            syn::Item::Fn(item) if for_tests(&item.attrs) => {}
            syn::Item::Impl(item) if for_tests(&item.attrs) => {}
            syn::Item::Use(item) => self.use_tree(&item.tree, &[]),
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = type_of(&item.self_ty);
        if let (Some(owner), None) = (&owner, &item.trait_) {
            for inner in &item.items {
                if let syn::ImplItem::Fn(method) = inner
                    && !for_tests(&method.attrs)
                {
                    let key = (owner.clone(), method.sig.ident.to_string());
                    self.house.methods.entry(key).or_default().insert(self.file.clone());
                }
            }
        }
        let outside = std::mem::replace(&mut self.inside, owner);
        visit::visit_item_impl(self, item);
        self.inside = outside;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.within(&item.sig, |reader| visit::visit_item_fn(reader, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.within(&item.sig, |reader| visit::visit_impl_item_fn(reader, item));
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if let syn::Expr::Path(path) = &*call.receiver
            && let Some(name) = path.path.get_ident()
        {
            let owner = if name == "self" { &self.inside } else { &self.parameters.get(&name.to_string()).cloned() };
            self.call(owner.clone(), call.method.to_string());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() == 2 && segments[0] == "Self" {
            self.call(self.inside.clone(), segments[1].clone());
        } else if path.leading_colon.is_none()
            && segments.len() > 1
            && let Some(absolute) = self.absolute(&segments)
        {
            self.module.names.push(absolute);
        }
        visit::visit_path(self, path);
    }
}

/// The name of a type, by itself or behind a reference.
fn type_of(ty: &syn::Type) -> Option<String> {
    match ty {
        syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        syn::Type::Reference(reference) => type_of(&reference.elem),
        _ => None,
    }
}

/// Whether a file belongs to a module below another file's.
fn is_below(file: &str, above: &str) -> bool {
    above == "lib" || file.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string() == "test")
    })
}

/// The circles of a graph (its strongly connected components of more than one file), each sorted.
pub fn circles(edges: &Edges) -> Vec<Vec<String>> {
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(at) = next.pop() {
            next.extend(edges.get(at).into_iter().flatten().filter(|to| seen.insert((*to).clone())));
        }
        seen
    };
    let reached: BTreeMap<_, _> = edges.keys().map(|from| (from, reach(from))).collect();
    let mut found = BTreeSet::new();
    for (from, to) in &reached {
        let circle: Vec<_> =
            to.iter().filter(|to| reached.get(to).is_some_and(|back| back.contains(*from))).cloned().collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}
