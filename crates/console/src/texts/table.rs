//! The table.

macro_rules! texts {
    ($($name:ident: $english:literal, $spanish:literal;)*) => {
        /// The texts of one language.
        #[derive(Debug)]
        pub(crate) struct Texts { $(pub $name: &'static str,)* }

        pub(super) static ENGLISH: Texts = Texts { $($name: $english,)* };
        pub(super) static SPANISH: Texts = Texts { $($name: $spanish,)* };

        /// Every row: its name, English, Spanish.
        #[cfg(test)]
        pub(super) fn rows() -> Vec<(&'static str, &'static str, &'static str)> {
            vec![$((stringify!($name), $english, $spanish),)*]
        }
    };
}

texts! {
    // The frame
    skip: "Skip to content", "Saltar al contenido";
    sections: "Sections", "Secciones";
    overview: "Overview", "Resumen";
    buckets: "Buckets", "Buckets";
    keys: "Keys", "Claves";
    record: "Record", "Registro";
    identities: "Identities", "Identidades";
    settings: "Settings", "Ajustes";
    sign_out: "Sign out", "Cerrar sesión";
    to_start: "To the start", "Al inicio";
    // Words
    name: "Name", "Nombre";
    created: "Created", "Creado";
    modified: "Modified", "Modificado";
    size: "Size", "Tamaño";
    actions: "Actions", "Acciones";
    properties: "Properties", "Propiedades";
    search: "Search", "Buscar";
    cancel: "Cancel", "Cancelar";
    create: "Create", "Crear";
    save: "Save", "Guardar";
    delete: "Delete", "Eliminar";
    copy: "Copy", "Copiar";
    select: "Select", "Seleccionar";
    select_all: "Select all", "Seleccionar todo";
    yes: "yes", "sí";
    no: "no", "no";
    file: "File", "Archivo";
    next_page: "Next page", "Página siguiente";
    nothing_found: "Nothing found.", "No se ha encontrado nada.";
    request_id: "Request", "Petición";
    details: "Details", "Detalles";
    // What was done
    done_created: "Created.", "Creado.";
    done_deleted: "Deleted.", "Eliminado.";
    done_saved: "Saved.", "Guardado.";
    done_uploaded: "Uploaded.", "Subido.";
    done_undeleted: "This is the current version now.", "Esta es ahora la versión actual.";
    done_scheduled: "The deletion is scheduled.", "La eliminación está programada.";
    done_raised: "For 15 minutes you may change identities.", "Durante 15 minutos puede cambiar identidades.";
    // Refusals
    refused: "This was refused", "Esto fue rechazado";
    type_to_confirm: "This cannot be undone. To confirm, type", "Esto no se puede deshacer. Para confirmar, escriba";
    not_confirmed: "Nothing was changed: type “{}” to confirm.", "No se ha cambiado nada: escriba «{}» para confirmar.";
    hint_denied: "Whoever administers your policies can allow the action that is named above. Both your own policies and those of the bucket or key count.", "Quien administre sus políticas puede permitir la acción indicada arriba. Cuentan tanto sus políticas como las del bucket o la clave.";
    hint_taken: "Choose another name: names are shared by all accounts.", "Elija otro nombre: los nombres son comunes a todas las cuentas.";
    hint_bucket_name: "3 to 63 lower-case letters, digits, dots and hyphens; a letter or digit first and last.", "De 3 a 63 letras minúsculas, cifras, puntos y guiones; una letra o cifra al principio y al final.";
    hint_not_empty: "Delete its objects first, and with versions, all of these and the delete markers.", "Elimine antes sus objetos y, si hay versiones, todas ellas y los marcadores de eliminación.";
    hint_policy: "A policy is a JSON document with Version and Statement; the sentence above says where this one is not.", "Una política es un documento JSON con Version y Statement; la frase de arriba dice dónde falla esta.";
    hint_xml: "The document is not what S3 expects here: check the names of its elements and their order.", "El documento no es lo que S3 espera aquí: compruebe los nombres de sus elementos y su orden.";
    hint_slow: "Wait a minute and try again.", "Espere un minuto e inténtelo de nuevo.";
    hint_key_state: "The key is disabled or about to be deleted: enable it on its page, or choose another.", "La clave está desactivada o se va a eliminar: actívela en su página o elija otra.";
    hint_bucket_state: "The bucket's versioning or lock does not allow this.", "El control de versiones o el bloqueo del bucket no lo permiten.";
    hint_foreign: "Open the page again from here and repeat what you did.", "Abra de nuevo la página desde aquí y repita lo que hizo.";
    // Signing in
    sign_in: "Sign in", "Iniciar sesión";
    sign_in_lead: "With the access key that you use elsewhere. It is exchanged at once for temporary credentials.", "Con la clave de acceso que usa en otros sitios. Se cambia al momento por credenciales temporales.";
    access_key: "Access key ID", "ID de clave de acceso";
    secret_key: "Secret access key", "Clave de acceso secreta";
    have_token: "I have a session token", "Tengo un token de sesión";
    session_token: "Session token", "Token de sesión";
    session_token_help: "For credentials of a role, whose keys begin with ASIA.", "Para credenciales de un rol, cuyas claves empiezan por ASIA.";
    session_expired: "Your session has ended. Sign in again.", "Su sesión ha terminado. Iníciela de nuevo.";
    signed_out: "You have signed out.", "Ha cerrado la sesión.";
    too_many_attempts: "Too many failed attempts from this address.", "Demasiados intentos fallidos desde esta dirección.";
    // Buckets
    create_bucket: "Create bucket", "Crear bucket";
    no_buckets: "No buckets yet", "Aún no hay buckets";
    no_buckets_advice: "Objects live in buckets. Create one, and choose how its objects are sealed.", "Los objetos viven en buckets. Cree uno y elija cómo se sellan sus objetos.";
    name_begins: "Name begins with", "El nombre empieza por";
    bucket_name: "Bucket name", "Nombre del bucket";
    bucket_name_help: "3 to 63 lower-case letters, digits, dots and hyphens.", "De 3 a 63 letras minúsculas, cifras, puntos y guiones.";
    protection: "Protection", "Protección";
    versioning: "Keep versions", "Conservar versiones";
    versioning_help: "What is overwritten or deleted can be brought back.", "Lo que se sobrescribe o elimina se puede recuperar.";
    object_lock: "Object lock", "Bloqueo de objetos";
    object_lock_help: "Versions can be made undeletable for a time. Only a new bucket can have it; versions are kept.", "Las versiones pueden hacerse imborrables por un tiempo. Solo se puede elegir ahora; se conservan versiones.";
    encryption: "Encryption", "Cifrado";
    sse_s3: "SSE-S3", "SSE-S3";
    sse_s3_help: "Sealed under a key that belongs to the gateway. Who may read the object may open it.", "Sellado con una clave del propio servicio. Quien puede leer el objeto puede abrirlo.";
    sse_kms: "SSE-KMS", "SSE-KMS";
    sse_kms_help: "Sealed under a key of the key service, whose policy decides who may open it. Each use is recorded.", "Sellado con una clave del servicio de claves, cuya política decide quién puede abrirlo. Cada uso se registra.";
    kms_key: "KMS key", "Clave de KMS";
    kms_key_help: "An alias, an id or an ARN; empty for alias/aws/s3.", "Un alias, un id o un ARN; vacío para alias/aws/s3.";
    bucket_key: "Bucket key", "Clave de bucket";
    bucket_key_help: "One call to the key service serves many objects for some minutes, instead of one call for each.", "Una llamada al servicio de claves sirve para muchos objetos durante unos minutos, en lugar de una por objeto.";
    bucket_half_done: "The bucket is there, but not as you wanted it. Go on here:", "El bucket existe, pero no como lo quería. Siga aquí:";
    // Properties of a bucket
    bucket_policy: "Bucket policy", "Política del bucket";
    bucket_policy_help: "JSON: who may do what with this bucket. Empty takes it away.", "JSON: quién puede hacer qué con este bucket. Vacío la quita.";
    lifecycle: "Lifecycle", "Ciclo de vida";
    lifecycle_help: "XML, as PutBucketLifecycleConfiguration takes it. Empty takes it away.", "XML, como lo toma PutBucketLifecycleConfiguration. Vacío lo quita.";
    cors: "Cross-origin access (CORS)", "Acceso entre orígenes (CORS)";
    cors_help: "XML, as PutBucketCors takes it. Empty takes it away.", "XML, como lo toma PutBucketCors. Vacío lo quita.";
    bucket_tags_help: "One a line, as name=value.", "Una por línea, como nombre=valor.";
    none_yet: "There is none yet.", "Aún no hay.";
    example: "Example", "Ejemplo";
    versions_kept: "Versions are kept", "Se conservan versiones";
    versions_suspended: "Suspended: earlier versions stay", "Suspendido: quedan las versiones anteriores";
    versions_never: "Versions are not kept", "No se conservan versiones";
    public_access: "Public access", "Acceso público";
    block_acls: "Refuses ACLs that let everyone in.", "Rechaza las ACL que dejan entrar a todos.";
    ignore_acls: "Lets nobody in by such an ACL.", "No deja entrar a nadie por una ACL así.";
    block_policy: "Refuses policies that let everyone in.", "Rechaza las políticas que dejan entrar a todos.";
    restrict: "Keeps a public policy to this account.", "Limita una política pública a esta cuenta.";
    delete_bucket: "Delete bucket", "Eliminar bucket";
    delete_bucket_warning: "Only an empty bucket can be deleted.", "Solo se puede eliminar un bucket vacío.";
    // Objects
    objects: "Objects", "Objetos";
    folders: "Folders", "Carpetas";
    no_objects: "No objects yet", "Aún no hay objetos";
    no_objects_advice: "Upload files above, or point any S3 client at this bucket.", "Suba archivos arriba, o use cualquier cliente de S3 con este bucket.";
    key_begins: "Key begins with", "La clave empieza por";
    show_versions: "Show versions", "Mostrar versiones";
    hide_versions: "Hide versions", "Ocultar versiones";
    new_folder: "New folder", "Carpeta nueva";
    folder_name: "Name of the folder", "Nombre de la carpeta";
    latest: "current", "actual";
    delete_marker: "delete marker", "marcador de eliminación";
    delete_selected: "Delete selected", "Eliminar lo seleccionado";
    delete_objects_help: "Where versions are kept, deleted objects can be brought back. Elsewhere they are gone.", "Donde se conservan versiones, lo eliminado se puede recuperar. En otro caso se pierde.";
    delete_versions_help: "A version that is deleted is gone for good.", "Una versión eliminada se pierde para siempre.";
    not_all_deleted: "Not everything was deleted", "No se ha eliminado todo";
    upload: "Upload", "Subir";
    upload_drop: "Choose files, or drop them here.", "Elija archivos o suéltelos aquí.";
    upload_done: "uploaded", "subido";
    upload_failed: "failed", "falló";
    upload_again: "Try again", "Reintentar";
    upload_waiting: "waiting", "en espera";
    upload_sending: "sending", "enviando";
    upload_checking: "looking for what has arrived", "buscando lo que ya llegó";
    upload_lost: "The console did not answer: sign in again", "La consola no respondió: inicie sesión de nuevo";
    upload_reload: "Show the list", "Mostrar la lista";
    // One object
    download: "Download", "Descargar";
    key: "Key", "Clave";
    address: "Address", "Dirección";
    version: "Version", "Versión";
    versions: "Versions", "Versiones";
    retention: "Retained", "Retención";
    legal_hold: "Legal hold", "Retención legal";
    preview: "Preview", "Vista previa";
    is_deleted: "This object is deleted", "Este objeto está eliminado";
    is_deleted_help: "A delete marker is its current version. Without it, the version below is there again.", "Un marcador de eliminación es su versión actual. Sin él, vuelve a estar la versión anterior.";
    undelete: "Undelete", "Recuperar";
    make_current: "Make current", "Hacer actual";
    tags: "Tags", "Etiquetas";
    tags_help: "One a line, as name=value; an object has at most 10.", "Una por línea, como nombre=valor; un objeto tiene 10 como máximo.";
    metadata: "Metadata", "Metadatos";
    metadata_help: "One a line, as name=value. Saving copies the object onto itself, as S3 does.", "Uno por línea, como nombre=valor. Al guardar, el objeto se copia sobre sí mismo, como hace S3.";
    share: "Share", "Compartir";
    shared: "Whoever has this address may read the object until it expires.", "Quien tenga esta dirección puede leer el objeto hasta que caduque.";
    share_minutes: "Minutes that it is good for", "Minutos de validez";
    share_help: "It ends with your session at the latest, and opens only what you may read yourself.", "Termina a más tardar con su sesión, y solo abre lo que usted mismo puede leer.";
    make_address: "Make address", "Crear dirección";
    delete_object_warning: "Deletes the object. Where versions are kept, it gets a delete marker and can be brought back.", "Elimina el objeto. Donde se conservan versiones, recibe un marcador de eliminación y se puede recuperar.";
    delete_version_warning: "Deletes this version for good.", "Elimina esta versión para siempre.";
    // How it is sealed
    how_sealed: "How this object is sealed", "Cómo está sellado este objeto";
    unencrypted: "Not encrypted", "Sin cifrar";
    sealed_s3: "Its bytes are sealed under a key of their own, which is wrapped under the gateway's.", "Sus bytes están sellados con una clave propia, envuelta con la del servicio.";
    sealed_kms: "The key service made a key for this object alone; each reading asks it once.", "El servicio de claves hizo una clave solo para este objeto; cada lectura se lo pide una vez.";
    sealed_bucket_key: "Its key is derived from a bucket key: the key service is asked once for many objects.", "Su clave se deriva de una clave de bucket: se pregunta al servicio de claves una vez para muchos objetos.";
    sealed_twice: "Sealed twice, under two keys of the key service.", "Sellado dos veces, con dos claves del servicio de claves.";
    sealed_not: "Who can read the disk can read it.", "Quien pueda leer el disco puede leerlo.";
    context: "Encryption context", "Contexto de cifrado";
    who_may_open: "Who may open it", "Quién puede abrirlo";
    who_may_open_kms: "Who may s3:GetObject here and kms:Decrypt under this key, by policies or grants.", "Quien pueda s3:GetObject aquí y kms:Decrypt con esta clave, por políticas o concesiones.";
    who_may_open_s3: "Who may s3:GetObject here.", "Quien pueda s3:GetObject aquí.";
    // Keys
    create_key: "Create key", "Crear clave";
    no_keys: "No keys yet", "Aún no hay claves";
    no_keys_advice: "A key of your own has its own policy, and its uses are recorded. Create one, and choose it for a bucket.", "Una clave propia tiene su propia política, y sus usos quedan registrados. Cree una y elíjala para un bucket.";
    spec: "Spec and usage", "Tipo y uso";
    spec_help: "SYMMETRIC_DEFAULT is what buckets need.", "SYMMETRIC_DEFAULT es lo que necesitan los buckets.";
    managed_by: "Managed by", "Gestionada por";
    by_gateway: "the gateway", "el servicio";
    by_customer: "you", "usted";
    state: "State", "Estado";
    alias: "Alias", "Alias";
    alias_help: "A name to call it by, such as payroll.", "Un nombre para llamarla, como nóminas.";
    description: "Description", "Descripción";
    options: "Options", "Opciones";
    rotate_yearly: "Rotate every year", "Rotar cada año";
    rotate_help: "New material seals what is new; old material still opens what is old. Symmetric keys only.", "El material nuevo sella lo nuevo; el antiguo sigue abriendo lo antiguo. Solo claves simétricas.";
    multi_region: "Multi-Region", "Multirregión";
    multi_region_help: "May have replicas in other Regions. Cannot be changed later.", "Puede tener réplicas en otras regiones. No se puede cambiar después.";
    external: "Import my own material", "Importar mi propio material";
    external_help: "The key waits for its material, which ImportKeyMaterial brings.", "La clave espera su material, que trae ImportKeyMaterial.";
    origin: "Origin", "Origen";
    last_used: "Last used", "Último uso";
    never: "never", "nunca";
    deleted_at: "Will be deleted", "Se eliminará";
    enable: "Enable", "Activar";
    disable: "Disable", "Desactivar";
    cancel_deletion: "Cancel deletion", "Cancelar la eliminación";
    key_of_gateway: "This key belongs to the gateway and cannot be changed.", "Esta clave es del servicio y no se puede cambiar.";
    wants_material: "It waits for its material: aws kms import-key-material.", "Espera su material: aws kms import-key-material.";
    aliases: "Aliases", "Alias";
    add: "Add", "Añadir";
    rotation: "Rotation", "Rotación";
    on: "on", "activada";
    off: "off", "desactivada";
    every: "every", "cada";
    days: "days", "días";
    next_rotation: "Next:", "Próxima:";
    rotation_days: "Days between rotations (90 to 2560)", "Días entre rotaciones (90 a 2560)";
    change: "Change", "Cambiar";
    turn_on: "Turn on", "Activar";
    turn_off: "Turn off", "Desactivar";
    rotate_now: "Rotate now", "Rotar ahora";
    key_policy: "Key policy", "Política de la clave";
    key_policy_help: "JSON: who may do what with this key. A policy that locks you out is refused.", "JSON: quién puede hacer qué con esta clave. Se rechaza una política que le deje fuera.";
    grants: "Grants", "Concesiones";
    no_grants: "No grants: only policies decide.", "Sin concesiones: solo deciden las políticas.";
    grantee: "Grantee", "Beneficiario";
    grantee_help: "ARN of a user or role.", "ARN de un usuario o rol.";
    operations: "Operations", "Operaciones";
    revoke: "Revoke", "Revocar";
    new_grant: "New grant", "Concesión nueva";
    public_key: "Public key", "Clave pública";
    waiting_days: "Days until then (7 to 30)", "Días hasta entonces (7 a 30)";
    delete_key: "Delete key", "Eliminar clave";
    delete_key_warning: "When the waiting period ends, everything sealed under this key is unreadable for ever. Until then it can be cancelled.", "Al terminar el plazo, todo lo sellado con esta clave será ilegible para siempre. Hasta entonces se puede cancelar.";
    // The record
    record_lead: "Who did what, from where. Events of objects are here where a trail selects them.", "Quién hizo qué y desde dónde. Los eventos de objetos están aquí donde un trail los selecciona.";
    search_by: "Search by", "Buscar por";
    by_person: "Person", "Persona";
    by_resource: "Bucket, key or other resource", "Bucket, clave u otro recurso";
    by_event: "Operation", "Operación";
    by_service: "Service", "Servicio";
    by_access_key: "Access key", "Clave de acceso";
    exactly: "Its exact name or ARN", "Su nombre exacto o ARN";
    from_utc: "From (UTC)", "Desde (UTC)";
    to_utc: "To (UTC)", "Hasta (UTC)";
    somebody: "somebody", "alguien";
    event_plain: "{} called {} from {}", "{} llamó a {} desde {}";
    event_on: "{} called {} on {} from {}", "{} llamó a {} sobre {} desde {}";
    // Identities
    raise: "Prove that it is you", "Demuestre que es usted";
    raise_lead: "Identities are not administered with temporary credentials of a user, here as in AWS. Your secret is kept sealed for 15 minutes.", "Las identidades no se administran con credenciales temporales de un usuario, aquí como en AWS. Su secreto se guarda sellado durante 15 minutos.";
    raise_other: "This access key is of somebody else than the one who signed in.", "Esta clave de acceso es de alguien distinto de quien inició la sesión.";
    go_on: "Go on", "Continuar";
    users: "Users", "Usuarios";
    no_users: "No users yet", "Aún no hay usuarios";
    no_users_advice: "Give each person and program a user of its own, with just the policies that it needs.", "Dé a cada persona y programa su propio usuario, con solo las políticas que necesita.";
    user_name: "Name of the new user", "Nombre del usuario nuevo";
    create_user: "Create user", "Crear usuario";
    delete_user: "Delete user", "Eliminar usuario";
    delete_user_warning: "Its access keys and policies have to be taken away first.", "Antes hay que quitarle sus claves de acceso y políticas.";
    roles: "Roles", "Roles";
    groups: "Groups", "Grupos";
    policies: "Policies", "Políticas";
    policy: "Policy", "Política";
    new_policy: "New policy", "Política nueva";
    policy_help: "JSON: what whoever has this policy may do.", "JSON: qué puede hacer quien tenga esta política.";
    inline_policies: "Inline policies", "Políticas insertadas";
    attached_policies: "Attached policies", "Políticas asociadas";
    attach: "Attach", "Asociar";
    detach: "Detach", "Quitar";
    access_keys: "Access keys", "Claves de acceso";
    create_access_key: "Create access key", "Crear clave de acceso";
    key_made: "The access key is made", "La clave de acceso está creada";
    key_made_help: "Its secret is shown this once. Keep it now.", "Su secreto se muestra solo esta vez. Guárdelo ahora.";
    active: "active", "activa";
    inactive: "inactive", "inactiva";
    activate: "Activate", "Activar";
    deactivate: "Deactivate", "Desactivar";
    // Overview and settings
    key_calls_made: "Calls to the key service", "Llamadas al servicio de claves";
    key_calls_saved: "Calls saved by bucket keys", "Llamadas ahorradas por claves de bucket";
    key_calls_help: "Since the gateway started.", "Desde que arrancó el servicio.";
    latest_changes: "Latest changes", "Últimos cambios";
    whole_record: "The whole record", "Todo el registro";
    not_working: "This does not work now", "Esto no funciona ahora";
    warning: "Worth knowing", "Conviene saberlo";
    trails: "Trails", "Trails";
    no_trails: "The record is kept here, and delivered to no bucket yet.", "El registro se guarda aquí, y aún no se entrega a ningún bucket.";
    delivering: "delivering", "entregando";
    stopped: "stopped", "detenido";
    session: "Your session", "Su sesión";
    account: "Account", "Cuenta";
    ends: "Ends", "Termina";
    endpoint: "This endpoint", "Este servicio";
    region: "Region", "Región";
    health: "Health", "Estado";
    configuration: "Configuration in force", "Configuración en vigor";
    for_operators: "The configuration is shown to members of the gateway's own account who may read its record.", "La configuración se muestra a miembros de la cuenta del servicio que pueden leer su registro.";
    seal_again: "Seal under another key", "Sellar con otra clave";
}
